using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Rudder.EndToEnd.Tests;

/// <summary>Kills an experiment with SIGKILL at random times, again and again: whatever is hit, the run that is left to end is the undisturbed one.</summary>
public sealed class KillLoopTests(TinyModels models)
{
    private const int Rounds = 10;
    private const int KillsOfARound = 4;
    private const string Hit = "killed";

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
        var undisturbed = new TinyExperiment(models, "undisturbed");
        long started = TimeProvider.System.GetTimestamp();
        (int exit, _, string error) = await undisturbed.RunAsync();
        Assert.True(exit == 0, error);
        TimeSpan length = TimeProvider.System.GetElapsedTime(started);

        int hits = 0;
        for (int round = 0; round < Rounds; round++)
        {
            string kills = await RoundAsync(new TinyExperiment(models, $"round-{round}"), undisturbed, new Random(round), length);
            hits += kills.Split(Hit).Length - 1;
            TestContext.Current.TestOutputHelper!.WriteLine($"round {round}: {kills}; equal to the undisturbed run");
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{hits} kills in {Rounds} rounds");
        Assert.True(hits >= 2 * Rounds, $"only {hits} kills hit a running program in {Rounds} rounds");
    }

    /// <summary>Kills a run several times, lets it end and compares it with the undisturbed one.</summary>
    /// <returns>What was killed, and when.</returns>
    private static async Task<string> RoundAsync(TinyExperiment disturbed, TinyExperiment undisturbed, Random random, TimeSpan length)
    {
        List<string> kills = [];
        while (kills.Count < KillsOfARound && !disturbed.Finished)
        {
            // What is left becomes shorter with every kill: later ones aim at the start of what remains.
            kills.Add(await KillAsync(disturbed, random, length / (1 + kills.Count)));
            RequireWholeFiles(undisturbed, disturbed, kills);
        }

        string told = string.Join(", ", kills);
        (int end, _, string trouble) = await disturbed.RunAsync();
        Assert.True(end == 0, $"{told}: {trouble}");
        RequireWholeFiles(undisturbed, disturbed, kills);
        Assert.Equal(Results.Length, Results.Count(file => File.Exists(disturbed.PathOf(file))));
        Assert.Equal(undisturbed.Summary["policies"]!.ToJsonString(), disturbed.Summary["policies"]!.ToJsonString());
        return told;
    }

    /// <summary>Runs the experiment and kills a victim at a random moment of the time given.</summary>
    private static async Task<string> KillAsync(TinyExperiment experiment, Random random, TimeSpan within)
    {
        TimeSpan moment = random.NextDouble() * within;
        var victim = (Victim)random.Next(3);
        Process? client = null;
        Task<(int Exit, string Output, string Error)> run = experiment.RunAsync(onStart: process => client = process);
        await Task.WhenAny(run, Task.Delay(moment, TimeProvider.System));
        int hit = run.IsCompleted ? 0 : Kill(client!, victim, experiment.PathOf("processes.json"));
        (int exit, _, _) = await run;
        return string.Create(CultureInfo.InvariantCulture, $"{(hit > 0 ? Hit : "missed")} {victim} at {moment.TotalSeconds:0.0} s (exit {exit})");
    }

    /// <summary>SIGKILL to the victim's processes.</summary>
    /// <returns>How many were running.</returns>
    private static int Kill(Process client, Victim victim, string ledger)
    {
        List<Process> targets = victim == Victim.Client ? [] : [.. Children(ledger)];
        if (victim != Victim.Child)
        {
            targets.Add(client);
        }

        int hit = 0;
        foreach (Process target in targets)
        {
            try
            {
                hit += target.HasExited ? 0 : 1;
                target.Kill();
            }
            catch (InvalidOperationException)
            {
                // It has ended by itself in the meantime.
            }
        }

        return hit;
    }

    /// <summary>The programs that the client has started and that still run; an id that the system has given away since is not one of them.</summary>
    private static IEnumerable<Process> Children(string ledger)
    {
        JsonArray entries = File.Exists(ledger) ? JsonNode.Parse(File.ReadAllText(ledger))!.AsArray() : [];
        foreach (JsonNode? entry in entries)
        {
            Process? child = Process.GetProcesses().SingleOrDefault(process => process.Id == (int)entry!["id"]!);
            if (child is not null && (child.StartTime.ToUniversalTime() - (DateTime)entry!["started"]!).Duration() < TimeSpan.FromSeconds(2))
            {
                yield return child;
            }
        }
    }

    private static void RequireWholeFiles(TinyExperiment undisturbed, TinyExperiment disturbed, List<string> kills)
    {
        foreach (string[] file in Results.Where(file => File.Exists(disturbed.PathOf(file))))
        {
            Assert.True(
                File.ReadAllBytes(undisturbed.PathOf(file)).AsSpan().SequenceEqual(File.ReadAllBytes(disturbed.PathOf(file))),
                $"{string.Join('/', file)} differs after {string.Join(", ", kills)}"
            );
        }
    }
}
