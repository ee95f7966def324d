using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Rudder.EndToEnd.Tests;

/// <summary>Kills an experiment with SIGKILL at random times, again and again: whatever is hit, the run that is left to end is the undisturbed one.</summary>
public sealed class KillLoopTests(TinyModels models)
{
    private const int Rounds = 20;
    private const int KillsOfARound = 4;

    /// <summary>Files that appear under these names only when they are whole, so that a kill must leave them absent or equal.</summary>
    private static readonly string[][] Results =
    [
        ["pairs", "pairs.jsonl"],
        ["dpo-beta-0.1", "model", "model.safetensors"],
        ["evaluate-reference", "evaluation.json"],
        ["evaluate-dpo-beta-0.1", "evaluation.json"],
    ];

    /// <summary>What is killed: the client alone, one of the programs it has started, or everything at once.</summary>
    private enum Victim
    {
        Client,
        Child,
        All,
    }

    [Fact(Explicit = true)]
    [Trait("Soak", "kills")]
    public async Task Run_KilledAtRandomTimes_EndsLikeAnUndisturbedRun()
    {
        var whole = new TinyExperiment(models, "whole");
        long started = TimeProvider.System.GetTimestamp();
        (int exit, _, string error) = await whole.RunAsync();
        Assert.True(exit == 0, error);
        TimeSpan length = TimeProvider.System.GetElapsedTime(started);

        for (int round = 0; round < Rounds; round++)
        {
            var random = new Random(round);
            var disturbed = new TinyExperiment(models, $"round-{round}");
            List<string> kills = [];
            while (kills.Count < KillsOfARound && !disturbed.Finished)
            {
                kills.Add(await KillAsync(disturbed, random, length));
                RequireWholeFiles(whole, disturbed, kills);
            }

            (int end, _, string trouble) = await disturbed.RunAsync();
            Assert.True(end == 0, $"round {round}, {string.Join(", ", kills)}: {trouble}");
            RequireWholeFiles(whole, disturbed, kills);
            Assert.Equal(Results.Length, Results.Count(file => File.Exists(disturbed.PathOf(file))));
            Assert.Equal(whole.Summary["policies"]!.ToJsonString(), disturbed.Summary["policies"]!.ToJsonString());
            TestContext.Current.TestOutputHelper!.WriteLine($"round {round}: {string.Join(", ", kills)}; equal to the undisturbed run");
        }
    }

    /// <summary>Runs the experiment and kills a victim at a random moment of an undisturbed run's length.</summary>
    private static async Task<string> KillAsync(TinyExperiment experiment, Random random, TimeSpan length)
    {
        TimeSpan moment = random.NextDouble() * length;
        var victim = (Victim)random.Next(3);
        using var timer = new CancellationTokenSource();
        (int exit, _, _) = await experiment.RunAsync(onStart: client =>
        {
            timer.Token.Register(() => Kill(client, victim, experiment.PathOf("processes.json")));
            timer.CancelAfter(moment);
        });
        return string.Create(CultureInfo.InvariantCulture, $"{victim} at {moment.TotalSeconds:0.0} s (exit {exit})");
    }

    private static void Kill(Process client, Victim victim, string ledger)
    {
        int[] children = File.Exists(ledger) ? [.. JsonNode.Parse(File.ReadAllText(ledger))!.AsArray().Select(entry => (int)entry!["id"]!)] : [];
        if (victim != Victim.Child)
        {
            client.Kill();
        }

        foreach (int id in victim == Victim.Client ? [] : children)
        {
            try
            {
                using Process child = Process.GetProcessById(id);
                child.Kill();
            }
            catch (ArgumentException)
            {
                // It has ended by itself in the meantime.
            }
        }
    }

    private static void RequireWholeFiles(TinyExperiment whole, TinyExperiment disturbed, List<string> kills)
    {
        foreach (string[] file in Results.Where(file => File.Exists(disturbed.PathOf(file))))
        {
            Assert.True(
                File.ReadAllBytes(whole.PathOf(file)).AsSpan().SequenceEqual(File.ReadAllBytes(disturbed.PathOf(file))),
                $"{string.Join('/', file)} differs after {string.Join(", ", kills)}"
            );
        }
    }
}
