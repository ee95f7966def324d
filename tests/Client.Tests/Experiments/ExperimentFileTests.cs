using System.Text.Json.Nodes;
using Rudder.Client.Experiments;
using Rudder.Client.Runs;
using Rudder.Tests;

namespace Rudder.Client.Tests.Experiments;

/// <summary>Experiment files: the shipped one loads; wrong ones are refused with the place.</summary>
public sealed class ExperimentFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_ShippedExperiment_HasThreeVariantsAndDisjointPrompts()
    {
        var file = ExperimentFile.Load(Path.Combine(SharedFolder.Root, "experiments", "imdb-dpo", "experiment.json"));
        Assert.Equal(["demo", "mini", "full"], file.Variants.Keys);
        Variant demo = file.Find("demo");
        Assert.Equal([0.05, 0.1, 1.0], demo.Betas!);
        HashSet<string> pairs = Ids(demo.Pairs!.Prompts!);
        HashSet<string> evaluation = Ids(demo.Evaluation!.Prompts);
        Assert.Equal(256, pairs.Count);
        Assert.True(evaluation.Count >= 128);
        Assert.Empty(pairs.Intersect(evaluation));
    }

    [Fact]
    public void Prompts_Shipped_AreManyDistinctAndShort()
    {
        string[] texts =
        [
            .. File.ReadLines(Path.Combine(SharedFolder.Root, "experiments", "imdb-dpo", "prompts.jsonl"))
                .Select(line => JsonNode.Parse(line)!["text"]!.ToString()),
        ];
        Assert.True(texts.Length >= 420);
        Assert.Equal(texts.Length, texts.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(texts, text => Assert.InRange(text.Split(' ').Length, 2, 12));
    }

    [Theory]
    [InlineData("betas", "[]", "betas is empty")]
    [InlineData("betas", "[0.1, 0]", "every beta must be above 0")]
    [InlineData("betas", "[0.1, 0.1]", "twice")]
    [InlineData("precision", "\"fp16\"", "fp32 or int8")]
    [InlineData("learning_rate", "{\"value\":1e-4}", "reason is missing")]
    [InlineData("learning_rate", "{\"candidates\":[1e-4]}", "development is missing")]
    [InlineData("learning_rate", "{}", "value with its reason")]
    [InlineData("seed", "2147483648", "seed is 2147483648")]
    [InlineData("temperature", "1", "temperature")]
    public void Load_WrongValue_NamesItAndTheVariant(string key, string value, string named)
    {
        JsonObject wrong = ExperimentExample.Json();
        wrong["variants"]!["demo"]![key] = JsonNode.Parse(value);
        string path = _folder.Write("experiment.json", wrong.ToJsonString());
        BadInputException error = Assert.Throws<BadInputException>(() => ExperimentFile.Load(path));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_UnknownKeyBelowAnObject_NamesItsPathAndTheKeyMeant()
    {
        JsonObject wrong = ExperimentExample.Json();
        wrong["variants"]!["demo"]!["pairs"]!["max_new_token"] = 5;
        string path = _folder.Write("experiment.json", wrong.ToJsonString());
        BadInputException error = Assert.Throws<BadInputException>(() => ExperimentFile.Load(path));
        Assert.Contains("'variants.demo.pairs.max_new_token'", error.Message, StringComparison.Ordinal);
        Assert.Contains("Did you mean 'max_new_tokens'?", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"name\":1}")]
    [InlineData("{\"name\":\"a\",\"name\":\"b\"}")]
    [InlineData("{\"variants\":[]}")]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("\0")]
    public void Load_DamagedFile_IsBadInputThatNamesTheFile(string text)
    {
        string path = _folder.Write("experiment.json", text);
        Assert.Contains(path, Assert.Throws<BadInputException>(() => ExperimentFile.Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_UnknownVariant_NamesThoseThereAre()
    {
        var file = ExperimentFile.Load(_folder.Write("experiment.json", ExperimentExample.Json().ToJsonString()));
        Assert.Contains("It has demo", Assert.Throws<BadInputException>(() => file.Find("huge")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Require_MissingModel_ShowsTheDownload()
    {
        BadInputException error = Assert.Throws<BadInputException>(() =>
            ModelStages.Require(new SourceModel(_folder.File("gpt2-large"), "fetch gpt2-large"))
        );
        Assert.Contains("Fetch it with: fetch gpt2-large", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_CandidateBeyondTheLimit_IsPassedOver()
    {
        LearningRateChoice choice = new(Candidates: [1e-5, 1e-4, 1e-3], KlLimit: 10);
        LearningRateTrial[] trials = [Trial(1e-5, 0.6, 1), Trial(1e-4, 0.8, 6), Trial(1e-3, 0.95, 40)];
        ChosenLearningRate chosen = LearningRateSearch.Choose(choice, trials);
        Assert.Equal(1e-4, chosen.Value);
        Assert.Contains("1e-3: reward 0.950, kl/seq_exact 40.00", chosen.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_AllBeyondTheLimit_TakesTheSmallestKl() =>
        Assert.Equal(
            1e-4,
            LearningRateSearch
                .Choose(new LearningRateChoice(Candidates: [1e-4, 1e-3], KlLimit: 1), [Trial(1e-3, 0.95, 40), Trial(1e-4, 0.8, 6)])
                .Value
        );

    [Theory]
    [InlineData(6, 20, true)] // the largest candidate wins within the limit of 25
    [InlineData(6, 40, false)] // the limit excludes the largest
    [InlineData(30, 26, false)] // the limit excludes all; the largest has the smallest KL
    public void EndsTooEarly_Trials_TellWhetherTheLargestCandidateWonFreely(double klOfTheSmaller, double klOfTheLarger, bool expected)
    {
        LearningRateChoice choice = new(Candidates: [1e-4, 1e-3]);
        ChosenLearningRate chosen = LearningRateSearch.Choose(choice, [Trial(1e-4, 0.8, klOfTheSmaller), Trial(1e-3, 0.9, klOfTheLarger)]);
        Assert.Equal(expected, LearningRateSearch.EndsTooEarly(choice, chosen));
    }

    [Fact]
    public void EndsTooEarly_SmallerCandidateOrFixedValue_IsFalse()
    {
        LearningRateChoice choice = new(Candidates: [1e-4, 1e-3]);
        ChosenLearningRate smaller = LearningRateSearch.Choose(choice, [Trial(1e-4, 0.9, 6), Trial(1e-3, 0.8, 20)]);
        Assert.False(LearningRateSearch.EndsTooEarly(choice, smaller));
        Assert.False(LearningRateSearch.EndsTooEarly(new LearningRateChoice(1e-4, "known"), new ChosenLearningRate(1e-4, "known", [])));
    }

    [Theory]
    [InlineData("a", "a", "a")]
    [InlineData("a", "b", "mixed: a, b")]
    [InlineData("a", null, "mixed: a, not recorded")]
    [InlineData(null, null, null)]
    public void SummaryCommit_OfEvaluations_IsTheirs(string? first, string? second, string? expected) =>
        Assert.Equal(expected, RunSummary.CommitOf([first, second]));

    [Fact]
    public void Load_MoreSamplesThanTheServiceDraws_NamesItsLimit()
    {
        JsonObject wrong = ExperimentExample.Json();
        wrong["variants"]!["demo"]!["pairs"]!["samples"] = 65;
        string path = _folder.Write("experiment.json", wrong.ToJsonString());
        BadInputException error = Assert.Throws<BadInputException>(() => ExperimentFile.Load(path));
        Assert.Contains("between 1 and 64, the service's limit (Service:MaxSamples)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Summary_AsJson_HasExactlyTheDocumentedKeys()
    {
        RunSummary summary = new(
            "imdb-dpo",
            null,
            [new PolicySummary("reference", null, 0.5, [0.4, 0.6], 0, [0, 0], 0, [0, 0], 128, 512)],
            "runs/imdb-dpo-demo/report.html"
        );
        var json = (JsonObject)JsonNode.Parse(Client.Files.StrictJson.Format(summary))!;
        Assert.Equal(["experiment", "commit", "policies", "report"], json.Select(p => p.Key));
        Assert.Equal(
            [
                "name",
                "beta",
                "reward_mean",
                "reward_ci",
                "kl_seq_exact",
                "kl_seq_exact_ci",
                "kl_seq_k1",
                "kl_seq_k1_ci",
                "prompts",
                "samples",
            ],
            json["policies"]![0]!.AsObject().Select(p => p.Key)
        );
    }

    private static LearningRateTrial Trial(double rate, double reward, double kl) => new(rate, reward, [reward, reward], kl, [kl, kl]);

    private static HashSet<string> Ids(Client.Pairs.PromptSource source) =>
        [.. (source with { File = Path.Combine(SharedFolder.Root, source.File) }).Read().Select(row => row.Id)];
}
