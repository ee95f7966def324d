using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Rudder.Datasets;
using Rudder.Preference.V1;

namespace Rudder.EndToEnd.Tests;

/// <summary>A whole experiment with the real client, trainer and service: killed on the way, continued, and equal to an undisturbed run.</summary>
public sealed class ExperimentTests(TinyModels models)
{
    [Fact]
    public async Task Run_KilledInPairsAndInTraining_EndsLikeAnUndisturbedRun()
    {
        var killed = new TinyExperiment(models, "killed");
        var whole = new TinyExperiment(models, "whole");
        await killed.KillAtAsync("pairs: ");
        await killed.KillAtAsync("dpo-beta-0.1 | train: ");
        (int exit, string output, string error) = await killed.RunAsync();
        Assert.True(exit == 0, error);
        Assert.Contains("resuming", error, StringComparison.Ordinal);
        (int undisturbed, _, string trouble) = await whole.RunAsync();
        Assert.True(undisturbed == 0, trouble);

        JsonNode summary = killed.Summary;
        Assert.Equal(whole.Summary["policies"]!.ToJsonString(), summary["policies"]!.ToJsonString());
        Assert.Equal(["reference", "dpo-beta-0.1"], summary["policies"]!.AsArray().Select(policy => policy!["name"]!.ToString()));
        Assert.Equal(0, summary["policies"]![0]!["kl_seq_exact"]!.GetValue<double>());
        Assert.True(summary["policies"]![1]!["kl_seq_exact"]!.GetValue<double>() > 0);
        Assert.Equal(File.ReadAllBytes(whole.PathOf("pairs", "pairs.jsonl")), File.ReadAllBytes(killed.PathOf("pairs", "pairs.jsonl")));
        Assert.True(File.Exists(models.File(summary["report"]!.ToString())));
        Assert.Contains($"report: {summary["report"]}", output, StringComparison.Ordinal);
        Assert.Contains("dpo-beta-0.1", output, StringComparison.Ordinal);
        RequireGoodPairs(killed);

        (int again, _, string log) = await killed.RunAsync();
        Assert.Equal(0, again);
        Assert.DoesNotContain("starting", log, StringComparison.Ordinal); // every stage was kept, and neither service nor trainer ran
        await RequirePlanOfAllStagesAsync(killed);
    }

    [Fact]
    public async Task Run_Terminated_StopsItsServiceAndExitsWith130()
    {
        var terminated = new TinyExperiment(models, "terminated");
        (int exit, _, string error) = await terminated.RunAsync(
            (line, client) =>
            {
                if (line.StartsWith("pairs: ", StringComparison.Ordinal) && line.Contains("prompts", StringComparison.Ordinal))
                {
                    Process.Start("kill", ["-TERM", client.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
                }
            }
        );
        Assert.Equal(130, exit);
        Assert.Contains("stopping the service", error, StringComparison.Ordinal);
        Assert.Equal("[]", File.ReadAllText(terminated.PathOf("processes.json")).Trim());
    }

    /// <summary>The plan lists exactly the stages that the run has recorded, all of them done.</summary>
    private static async Task RequirePlanOfAllStagesAsync(TinyExperiment experiment)
    {
        JsonArray stages = (await experiment.PlanAsync())["stages"]!.AsArray();
        Assert.All(stages, stage => Assert.Equal("done", stage!["history"]!.ToString()));
        Assert.All(stages, stage => Assert.Empty(stage!["missing"]!.AsArray()));
        IEnumerable<string> recorded = Directory.EnumerateFiles(experiment.PathOf("stages")).Select(file => Path.GetFileNameWithoutExtension(file));
        Assert.Equal(recorded.Order(StringComparer.Ordinal), stages.Select(stage => stage!["stage"]!.ToString()).Order(StringComparer.Ordinal));
    }

    private static void RequireGoodPairs(TinyExperiment experiment)
    {
        List<PreferencePair> pairs = [.. PreferencePairs.Read(experiment.PathOf("pairs", "pairs.jsonl"))];
        Assert.InRange(pairs.Count, 24, 24 * 3);
        Assert.Equal(pairs.Count, pairs.Select(p => (p.PromptId, p.ChosenSample.SampleIndex, p.RejectedSample.SampleIndex)).Distinct().Count());
        Assert.All(pairs, pair => Assert.True(pair.ChosenSample.Score > pair.RejectedSample.Score));
    }
}
