using System.Text.Json.Nodes;
using Rudder.Client.Experiments;

namespace Rudder.Client.Tests.Experiments;

/// <summary>Variants with trainings: names of their runs, and what is refused.</summary>
public sealed class TrainingRulesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Runs_SweepAndSeeds_AreNamedByBoth()
    {
        Training training = new("grpo", "grpo", "g.json", Sweep: new Sweep("optimizer.weight_decay", [0, 0.01]), Seeds: [3, 4]);
        Assert.Equal(
            ["grpo-weight-decay-0-seed-3", "grpo-weight-decay-0-seed-4", "grpo-weight-decay-0.01-seed-3", "grpo-weight-decay-0.01-seed-4"],
            training.Runs(0).Select(one => one.Stage));
        Assert.Equal([3u, 4u, 3u, 4u], training.Runs(0).Select(one => one.Seed));
    }

    [Fact]
    public void Runs_NeitherSweepNorSeeds_IsOneUnderTheVariantsSeed()
    {
        TrainingRun one = Assert.Single(new Training("ppo", "ppo", "p.json").Runs(7));
        Assert.Equal(("ppo", 7u, null), (one.Stage, one.Seed, one.Beta));
    }

    [Fact]
    public void AllTrainings_ShortForm_IsATrainingNamedDpo()
    {
        Variant demo = ExperimentFile.Load(_folder.Write("e.json", ExperimentExample.Json().ToJsonString())).Find("demo");
        Training dpo = Assert.Single(demo.AllTrainings());
        Assert.Equal(("dpo-beta-0.1", 0.1), dpo.Runs(0).Select(one => (one.Stage, one.Beta)).Single());
    }

    [Theory]
    [InlineData("kind", "\"grop\"", "Did you mean 'grpo'?")]
    [InlineData("name", "\"Two Words\"", "lower-case letters")]
    [InlineData("sweep", "{\"key\":\"beta\",\"values\":[]}", "sweep.values is empty")]
    [InlineData("sweep", "{\"key\":\"beta\",\"values\":[1,1]}", "twice")]
    [InlineData("seeds", "[]", "seeds is empty")]
    [InlineData("seeds", "[1,1]", "seeds holds a value twice")]
    [InlineData("seeds", "[2147483648]", "the trainer's limit")]
    [InlineData("set", "{\"model\":\"x\"}", "set holds model")]
    [InlineData("set", "{\"rewards\":[{\"model\":\"{refrence}\"}]}", "Did you mean 'reference'?")]
    [InlineData("set", "{\"rewards\":\"{second}\"}", "set names {second}")] // only earlier trainings
    [InlineData("learning_rate", "{\"value\":1}", "reason is missing")]
    public void Load_WrongTraining_NamesItAndTheTraining(string key, string value, string named)
    {
        JsonObject file = WithTrainings();
        file["variants"]!["demo"]!["trainings"]![0]![key] = JsonNode.Parse(value);
        Assert.Contains(named, Refused(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TwoTrainingsOfOneName_AreRefused()
    {
        JsonObject file = WithTrainings();
        file["variants"]!["demo"]!["trainings"]![1]!["name"] = "first";
        Assert.Contains("the same name", Refused(file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pairs", null, "the variant has no pairs")]
    [InlineData("pairs", "{}", "either prompts")]
    [InlineData("pairs", "{\"texts\":{\"files\":[]}}", "texts.files is empty")]
    [InlineData("policy", null, "policy is missing")]
    [InlineData("classifier", "{\"training\":\"first\"}", "of kind reward")]
    [InlineData("classifier", "{\"folder\":\"a\",\"training\":\"first\"}", "either folder or training")]
    [InlineData("evaluation", null, "evaluation is missing")]
    [InlineData("forecast", "{\"file\":\"f.csv\"}", "forecast alone")]
    [InlineData("betas", "[0.1]", "give all three")]
    [InlineData("comparison", "{\"reward_model\":\"first\"}", "comparison.reward_model is 'first'")]
    public void Load_WrongVariant_NamesTheKey(string key, string? value, string named)
    {
        JsonObject file = WithTrainings();
        var variant = (JsonObject)file["variants"]!["demo"]!;
        variant.Remove(key);
        if (value is not null)
        {
            variant[key] = JsonNode.Parse(value);
        }

        Assert.Contains(named, Refused(file), StringComparison.Ordinal);
    }

    /// <summary>A variant with two trainings, of which the first learns from pairs.</summary>
    private static JsonObject WithTrainings()
    {
        JsonObject file = ExperimentExample.Json();
        var variant = (JsonObject)file["variants"]!["demo"]!;
        foreach (string key in (string[])["dpo", "betas", "learning_rate"])
        {
            variant.Remove(key);
        }

        variant["trainings"] = JsonNode.Parse(
            """[{ "name": "first", "kind": "kto", "recipe": "a.json" }, { "name": "second", "kind": "rloo", "recipe": "b.json" }]""");
        return file;
    }

    private string Refused(JsonObject file)
    {
        string path = _folder.Write("experiment.json", file.ToJsonString());
        return Assert.Throws<BadInputException>(() => ExperimentFile.Load(path)).Message;
    }
}
