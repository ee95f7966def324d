using System.Text.Json.Nodes;
using Rudder.Client.Experiments;
using Rudder.Client.Files;
using Rudder.Client.Runs;
using Rudder.Tests;

namespace Rudder.Client.Tests.Experiments;

/// <summary>--plan: the stages of an experiment, what they lack, and their history; nothing is started or written.</summary>
public sealed class ExperimentPlanTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Shipped() =>
        [.. Directory.EnumerateFiles(Path.Combine(SharedFolder.Root, "experiments"), "experiment.json", SearchOption.AllDirectories)
            .Select(path => Path.GetFileName(Path.GetDirectoryName(path)!)).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_NothingThere_MarksInputsMissingAndStagesNeverRun()
    {
        ExperimentPlan plan = Assert.Single(Plan(Write(ExperimentExample.Json())));
        Assert.Equal(
            ["export-reference", "export-classifier", "pairs", "dpo-beta-0.1", "evaluate-reference", "evaluate-dpo-beta-0.1"],
            plan.Stages.Select(stage => stage.Stage));
        Assert.All(plan.Stages, stage => Assert.Equal("never run", stage.LastTime()));
        Assert.Equal(
            ["models/a", "models/b", "prompts.jsonl", "dpo.json", "prompts.jsonl", "prompts.jsonl"],
            plan.Stages.SelectMany(stage => stage.Missing));
        Assert.Null(plan.Seconds);
        Assert.Equal(["e.json"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Of_EarlierRun_ShowsHowLongItTook()
    {
        string file = Write(ExperimentExample.Json());
        Marker("pairs", StageMarker.Done, 12.25, new DateTimeOffset(2026, 1, 31, 0, 0, 0, TimeSpan.Zero));
        Marker("dpo-beta-0.1", StageMarker.Running, 3.5, null);
        ExperimentPlan plan = Assert.Single(Plan(file));
        Assert.Equal("12.3 s on 2026-01-31", Stage(plan, "pairs").LastTime());
        Assert.Equal("interrupted after 3.5 s", Stage(plan, "dpo-beta-0.1").LastTime());
        Assert.Equal(15.75, plan.Seconds);
    }

    [Fact]
    public void Of_TrainingThatNamesAnother_ReadsItsModelWithTheSameSeed()
    {
        JsonObject file = ExperimentExample.Json();
        var variant = (JsonObject)file["variants"]!["demo"]!;
        variant["held_out"] = variant["pairs"]!.DeepClone();
        variant["trainings"] = JsonNode.Parse(
            """
            [{ "name": "reward", "kind": "reward", "recipe": "r.json", "seeds": [1, 2] },
             { "name": "ppo", "kind": "ppo", "recipe": "p.json", "seeds": [2], "set": { "rewards": [{ "kind": "reward_model", "model": "{reward}" }] },
               "learning_rate": { "candidates": [1e-5], "development": { "prompts": { "file": "d.jsonl" } } } }]
            """);
        variant["comparison"] = JsonNode.Parse("""{ "reward_model": "reward" }""");
        ExperimentPlan plan = Assert.Single(Plan(Write(file)));
        Assert.Equal(
            [
                "export-reference", "export-classifier", "pairs", "held-out-pairs", "dpo-beta-0.1", "reward-seed-1", "reward-seed-2",
                "tune-ppo-1e-5", "tune-ppo-1e-5-evaluation", "ppo-seed-2", "evaluate-reference", "evaluate-dpo-beta-0.1", "evaluate-ppo-seed-2",
                "compare-reward-seed-1", "compare-reward-seed-2", "compare-reference", "compare-dpo-beta-0.1", "compare-ppo-seed-2",
            ],
            plan.Stages.Select(stage => stage.Stage));
    }

    [Theory]
    [MemberData(nameof(Shipped))]
    public void Of_ShippedExperiment_HasMiniAndFullAndItsRecipes(string name)
    {
        string file = Path.Combine(SharedFolder.Root, "experiments", name, "experiment.json");
        var experiment = ExperimentFile.Load(file);
        Assert.Equal(name, experiment.Name);
        Assert.Subset(experiment.Variants.Keys.ToHashSet(), new HashSet<string> { "mini", "full" });
        foreach (Variant variant in experiment.Variants.Values)
        {
            Assert.All(variant.AllTrainings(), training => Assert.True(File.Exists(Path.Combine(SharedFolder.Root, training.Recipe)), training.Recipe));
        }

        IReadOnlyList<ExperimentPlan> plans = ExperimentHost.Plan(Request(file), null, Quiet.Display, TimeProvider.System);
        Assert.All(plans, plan => Assert.Equal(plan.Stages.Count, plan.Stages.Select(stage => stage.Stage).Distinct().Count()));
    }

    private static PlannedStage Stage(ExperimentPlan plan, string name) => plan.Stages.Single(stage => stage.Stage == name);

    private ExperimentRequest Request(string file) => new(file, "", _folder.File("runs"), null, null, null, null);

    private IReadOnlyList<ExperimentPlan> Plan(string file) => ExperimentHost.Plan(Request(file), ["demo"], Quiet.Display, TimeProvider.System);

    private string Write(JsonObject file) => _folder.Write("e.json", file.ToJsonString());

    private void Marker(string stage, string state, double seconds, DateTimeOffset? finished) =>
        _folder.Write(
            $"runs/example-demo/stages/{stage}.json",
            StrictJson.Format(new StageMarker(stage, "key", state, [], DateTimeOffset.UnixEpoch, finished, seconds)));
}
