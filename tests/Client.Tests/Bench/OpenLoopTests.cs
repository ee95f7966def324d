using Rudder.Client.Bench;
using Rudder.Engine.Tests.Support;
using Rudder.Tests;

namespace Rudder.Client.Tests.Bench;

public sealed class OpenLoopTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public async Task NextAsync_ManyArrivals_HaveExponentialGapsOfTheRate()
    {
        const int Arrivals = 8000;
        const double Rate = 4;
        _time.Advance(TimeSpan.FromHours(1));                // all arrivals are due, so that nothing waits
        OpenLoop schedule = new(Rate, TimeSpan.MaxValue, new Random(5), _time);
        _time.Advance(TimeSpan.FromHours(1));
        int[] counts = new int[8];
        double last = _time.GetTimestamp() - TimeSpan.FromHours(1).Ticks;
        for (int i = 0; i < Arrivals; i++)
        {
            long next = (await schedule.NextAsync(CancellationToken.None))!.Value;
            double gap = (next - last) / TimeSpan.TicksPerSecond;
            last = next;
            counts[Math.Min((int)(8 * (1 - Math.Exp(-Rate * gap))), 7)]++; // the distribution function makes exponential gaps uniform
        }

        ChiSquare.AssertFits(counts, [.. Enumerable.Repeat(1 / 8.0, 8)]);
    }

    [Fact]
    public async Task NextAsync_NotYetDue_WaitsUntilTheArrival()
    {
        OpenLoop schedule = new(1, TimeSpan.MaxValue, new Random(2), _time);
        double due = -Math.Log(1 - new Random(2).NextDouble());
        Task<long?> next = schedule.NextAsync(CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(due - 0.01));
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.01));
        Assert.Equal(due, (await next)!.Value / (double)TimeSpan.TicksPerSecond, 1e-6);
    }

    [Fact]
    public async Task NextAsync_ArrivalAfterTheDuration_EndsWithoutWaiting() =>
        Assert.Null(await new OpenLoop(0.001, TimeSpan.FromSeconds(1), new Random(2), _time).NextAsync(CancellationToken.None));
}
