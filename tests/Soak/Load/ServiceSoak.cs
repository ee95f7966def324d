using System.Globalization;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>Minutes above capacity, with clients that cancel, stall and die: no wrong answer, bad status or leak; a clean end.</summary>
public sealed class ServiceSoak
{
    private const string SecondsVariable = "RUDDER_SOAK_SECONDS";
    private const int DefaultSeconds = 600, FewestSeconds = 10, MostSeconds = 3600;
    private const int JudgedSeconds = 60;                    // shorter runs are not past their warm-up: memory is printed, not judged
    private const double Overload = 1.2;
    private const double MaxGrowth = 0.05;
    private const double LeastSent = 0.95;
    private const int Callers = 32;                          // enough to fill the slots while capacity is measured
    private const int Requests = 32;
    private const int ArrivalSeed = 20260;
    private static readonly string[] Limits =
    [
        "--Service:MaxSlots=32", "--Service:MaxTokens=64", "--Service:MaxQueue=256", "--Service:MaxSequences=256",
        "--Service:MaxStreamBuffer=2048", $"--Service:MaxSamples={RudeClient.StalledSamples}",
    ];
    private static readonly TimeProvider Time = TimeProvider.System;

    [Fact(Explicit = true)]
    [Trait("Soak", "service")]
    public async Task Service_AboveCapacityWithRudeClients_AnswersRightAndKeepsItsMemory()
    {
        var length = TimeSpan.FromSeconds(Seconds());
        using var models = LoadModels.Best();
        using var service = await LoadService.StartAsync(models, Limits);
        var answers = await KnownAnswers.AskAsync(service, models, Requests);

        double capacity = await MeasureCapacityAsync(service, answers, length / 20);

        // The same clients at 120 % of it, the rude ones on top.
        var outcomes = new Outcomes();
        var client = new LoadClient(service, answers, outcomes, Time);
        double offered = capacity * Overload * ClientMix.Everybody / ClientMix.WellBehaved;
        using var over = new CancellationTokenSource();
        var memory = SampleMemoryAsync(service, length, over.Token);
        var swapping = SwapAsync(service, models, length, over.Token);
        var (sent, heldBack) = await Arrivals.OpenAsync(
            offered, length, ArrivalSeed, number => client.RunAsync(ClientMix.Of(number, ClientMix.Everybody), number), Time);
        await over.CancelAsync();
        int swaps = await swapping;
        var (warm, end) = LoadStatistics.Levels(await memory);

        string rates = string.Create(
            CultureInfo.InvariantCulture,
            $"{models.Label}; {length.TotalSeconds:N0} s; capacity {capacity:N1} requests/s with {Callers} callers; offered {offered:N1}/s, "
            + $"in them {Overload:P0} of the capacity well-behaved; {sent:N0} sent, {heldBack:N0} held back; {swaps} swaps");
        TestContext.Current.TestOutputHelper!.WriteLine($"{rates}\n\n{SoakReport.Requests(outcomes)}\n{SoakReport.Memory(warm, end)}");
        RequireNoFault(outcomes);
        Assert.True(sent >= LeastSent * (sent + heldBack), $"only {sent} of {sent + heldBack} requests could be sent: the load generator is too slow for this test");
        Assert.True(length.TotalSeconds < JudgedSeconds || end <= warm * (1 + MaxGrowth), SoakReport.Memory(warm, end));
        await RequireQuietAsync(service, answers);
    }

    /// <summary>What well-behaved clients get that wait for their answers: requests per second.</summary>
    private static async Task<double> MeasureCapacityAsync(LoadService service, KnownAnswers answers, TimeSpan length)
    {
        var outcomes = new Outcomes();
        var client = new LoadClient(service, answers, outcomes, Time);
        double capacity = await Arrivals.ClosedAsync(
            Callers, length, number => client.RunAsync(ClientMix.Of(number, ClientMix.WellBehaved), number), Time);
        RequireNoFault(outcomes);
        Assert.Equal(outcomes.Total, outcomes.Count(LoadClient.Good));
        return capacity;
    }

    /// <summary>After the load, every request has its known answer, nothing still runs, and the service stops on request.</summary>
    private static async Task RequireQuietAsync(LoadService service, KnownAnswers answers)
    {
        var outcomes = new Outcomes();
        await AskAllAsync(new LoadClient(service, answers, outcomes, Time));
        RequireNoFault(outcomes);
        Assert.Equal(outcomes.Total, outcomes.Count(LoadClient.Good));
        Assert.Contains("Draining: 0 calls are running", await service.StopAsync());
    }

    private static int Seconds()
    {
        string? text = Environment.GetEnvironmentVariable(SecondsVariable);
        if (string.IsNullOrEmpty(text))
        {
            return DefaultSeconds;
        }

        bool isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds);
        Assert.True(isNumber && seconds is >= FewestSeconds and <= MostSeconds, $"{SecondsVariable} is '{text}'; it takes {FewestSeconds} to {MostSeconds}.");
        return seconds;
    }

    private static void RequireNoFault(Outcomes outcomes) =>
        Assert.True(outcomes.FaultCount == 0, $"{outcomes.FaultCount} faults, the first of them:\n{string.Join('\n', outcomes.Faults)}");

    private static async Task AskAllAsync(LoadClient client)
    {
        for (int number = 0; number < Requests; number++)
        {
            foreach (var kind in Enum.GetValues<ClientKind>().Where(kind => kind <= ClientKind.Divergence))
            {
                await client.RunAsync(kind, number);
            }
        }
    }

    /// <summary>Memory every five seconds, or 60 times where the run is short.</summary>
    private static async Task<IReadOnlyList<long>> SampleMemoryAsync(LoadService service, TimeSpan length, CancellationToken over)
    {
        var samples = new List<long>();
        await EveryAsync(Shorter(TimeSpan.FromSeconds(5), length / 60), over, () =>
        {
            samples.Add(service.ResidentBytes());
            return Task.CompletedTask;
        });
        return samples;
    }

    /// <summary>Now and then another model under the third name.</summary>
    /// <returns>How often.</returns>
    private static async Task<int> SwapAsync(LoadService service, LoadModels models, TimeSpan length, CancellationToken over)
    {
        int swaps = 0;
        await EveryAsync(Shorter(TimeSpan.FromSeconds(15), length / 10), over, async () =>
        {
            string folder = ++swaps % 2 == 1 ? models.ReferenceFolder : models.PolicyFolder;
            await service.Models.LoadAsync(new LoadModelRequest { Name = LoadModels.Swapped, Path = folder });
        });
        return swaps;
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static async Task EveryAsync(TimeSpan period, CancellationToken over, Func<Task> act)
    {
        using var timer = new PeriodicTimer(period, Time);
        try
        {
            while (await timer.WaitForNextTickAsync(over))
            {
                await act();
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            // The load is over.
        }
    }
}
