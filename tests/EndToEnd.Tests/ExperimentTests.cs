using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Rudder.Datasets;
using Rudder.Preference.V1;

namespace Rudder.EndToEnd.Tests;

/// <summary>A whole experiment with the real client, trainer and service: killed on the way, continued, and equal to an undisturbed run.</summary>
public sealed class ExperimentTests(TinyModels models) : IClassFixture<TinyModels>
{
    private const string Experiment = "run experiment.json --variant demo --runs ";

    [Fact]
    public async Task Run_KilledInPairsAndInTraining_EndsLikeAnUndisturbedRun()
    {
        await KillAtAsync("killed", "pairs: ");
        await KillAtAsync("killed", "dpo-beta-0.1 | step ");
        (int exit, string output, string error) = await ClientAsync(Experiment + "killed");
        Assert.True(exit == 0, error);
        Assert.Contains("resuming", error, StringComparison.Ordinal);
        (int undisturbed, _, string trouble) = await ClientAsync(Experiment + "whole");
        Assert.True(undisturbed == 0, trouble);

        JsonNode summary = Summary("killed");
        Assert.Equal(Summary("whole")["policies"]!.ToJsonString(), summary["policies"]!.ToJsonString());
        Assert.Equal(["reference", "dpo-beta-0.1"], summary["policies"]!.AsArray().Select(policy => policy!["name"]!.ToString()));
        Assert.Equal(0, summary["policies"]![0]!["kl_seq_exact"]!.GetValue<double>());
        Assert.True(summary["policies"]![1]!["kl_seq_exact"]!.GetValue<double>() > 0);
        Assert.Equal(
            File.ReadAllBytes(models.File("whole", "tiny-demo", "pairs", "pairs.jsonl")),
            File.ReadAllBytes(models.File("killed", "tiny-demo", "pairs", "pairs.jsonl"))
        );
        Assert.True(File.Exists(models.File(summary["report"]!.ToString())));
        Assert.Contains($"report: {summary["report"]}", output, StringComparison.Ordinal);
        Assert.Contains("dpo-beta-0.1", output, StringComparison.Ordinal);
        RequireGoodPairs("killed");

        (int again, _, string log) = await ClientAsync(Experiment + "killed");
        Assert.Equal(0, again);
        Assert.DoesNotContain("starting", log, StringComparison.Ordinal); // every stage was kept, and neither service nor trainer ran
    }

    [Fact]
    public async Task Run_Terminated_StopsItsServiceAndExitsWith130()
    {
        (int exit, _, string error) = await ClientAsync(
            Experiment + "terminated",
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
        Assert.Equal("[]", File.ReadAllText(models.File("terminated", "tiny-demo", "processes.json")).Trim());
    }

    private Task<(int Exit, string Output, string Error)> ClientAsync(string arguments, Action<string, Process>? onLine = null) =>
        Programs.RunAsync(Programs.Find("Client", "client"), models.Folder, arguments, onLine);

    /// <summary>kill -9 of the client alone, as soon as it says a line that begins so; its children live on until the next run stops them.</summary>
    private async Task KillAtAsync(string runs, string beginning)
    {
        bool killed = false;
        (int exit, _, string error) = await ClientAsync(
            Experiment + runs,
            (line, client) =>
            {
                if (!killed && line.StartsWith(beginning, StringComparison.Ordinal) && !line.EndsWith("starting", StringComparison.Ordinal))
                {
                    killed = true;
                    client.Kill();
                }
            }
        );
        Assert.True(killed && exit != 0, error);
        Assert.False(File.Exists(models.File(runs, "tiny-demo", "summary.json")));
    }

    private JsonNode Summary(string runs) => JsonNode.Parse(File.ReadAllText(models.File(runs, "tiny-demo", "summary.json")))!;

    private void RequireGoodPairs(string runs)
    {
        List<PreferencePair> pairs = [.. PreferencePairs.Read(models.File(runs, "tiny-demo", "pairs", "pairs.jsonl"))];
        Assert.InRange(pairs.Count, 24, 24 * 3);
        Assert.Equal(pairs.Count, pairs.Select(p => (p.PromptId, p.Chosen.SampleIndex, p.Rejected.SampleIndex)).Distinct().Count());
        Assert.All(pairs, pair => Assert.True(pair.Chosen.Score > pair.Rejected.Score));
    }
}
