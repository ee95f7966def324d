using Rudder.Client.Bench;

namespace Rudder.Client.Tests.Bench;

public sealed class BenchJobTests
{
    private static readonly BenchPlan Sweep = BenchExample.Plan with { Loads = [new Load(1, null), new Load(null, 100_000)] };
    private readonly StringWriter _shown = new();

    [Fact]
    public async Task RunAsync_Sweep_MeasuresEachLoadAfterItsWarmUp()
    {
        ScriptedTarget target = new((_, timer, _) =>
        {
            timer.Arrived(0);
            return Task.CompletedTask;
        });
        IReadOnlyList<LoadResult> results = await RunAsync(target, Sweep);
        Assert.Equal([(1, null), (null, 100_000.0)], results.Select(result => (result.InFlight, result.Rate)));
        Assert.All(results, result => Assert.Equal((5, 0, 0, true), (result.Succeeded, result.Failed, result.Unfinished, result.Complete)));
        Assert.Equal(1 + (2 * (2 + 5)), target.Requests.Select(request => request.Seed).Distinct().Count()); // one check; nothing twice
        Assert.Contains("bench at 1 in flight: 5/5 requests", _shown.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_InterruptedInTheSecondLoad_KeepsTheFirstAndWhatEnded()
    {
        using CancellationTokenSource stop = new();
        ScriptedTarget target = new(async (before, _, cancel) =>
        {
            if (before == 1 + (2 + 5) + 2 + 3)
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancel);
            }
        });
        BenchPlan twice = Sweep with { Loads = [new Load(1, null), new Load(1, null)] };
        IReadOnlyList<LoadResult> results = await RunAsync(target, twice, stop.Token);
        Assert.Equal([(5, 0, true), (3, 1, false)], results.Select(result => (result.Succeeded, result.Unfinished, result.Complete)));
    }

    [Fact]
    public async Task RunAsync_InterruptedInTheWarmUp_MeasuresNothing()
    {
        using CancellationTokenSource stop = new();
        ScriptedTarget target = new((before, _, _) => before == 1 ? stop.CancelAsync() : Task.CompletedTask);
        Assert.Empty(await RunAsync(target, Sweep, stop.Token));
    }

    [Theory]
    [InlineData(true, typeof(BadInputException))]
    [InlineData(false, typeof(WorkFailedException))]
    public async Task RunAsync_FirstRequestFails_EndsThere(bool refused, Type expected)
    {
        ScriptedTarget target = new((_, _, _) => throw new FailedRequestException("418", "tea", refused));
        Exception? failure = await Record.ExceptionAsync(() => RunAsync(target, Sweep));
        Assert.IsType(expected, failure);
        Assert.Contains("418", failure.Message, StringComparison.Ordinal);
        Assert.Single(target.Requests);
    }

    [Fact]
    public async Task RunAsync_Duration_ReportsRequestsAndEnds()
    {
        ScriptedTarget target = new((_, _, _) => Task.CompletedTask);
        LoadResult result = Assert.Single(
            await RunAsync(target, BenchExample.Plan with { Loads = [new Load(null, 1000)], Count = null, DurationSeconds = 0.05 }));
        Assert.True(result.Complete);
        Assert.Equal(target.Requests.Count - 1 - 2, result.Succeeded);
        Assert.Contains($"1/1 s, {result.Succeeded} requests", _shown.ToString(), StringComparison.Ordinal);
    }

    private Task<IReadOnlyList<LoadResult>> RunAsync(ScriptedTarget target, BenchPlan plan, CancellationToken cancel = default) =>
        new BenchJob(target, new Display(_shown, false, TimeProvider.System), TimeProvider.System).RunAsync(plan, cancel);
}
