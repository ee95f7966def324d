using Rudder.Client.Bench;
using Rudder.Engine.Tests.Support;

namespace Rudder.Client.Tests.Bench;

public sealed class LoadStatisticsTests
{
    private static readonly Load Load = new(1, null);
    private readonly ManualTime _time = new();

    [Fact]
    public void Summarise_LatenciesOfOneToAThousandMicroseconds_HasTheirPercentiles()
    {
        LoadStatistics statistics = new(_time, BenchExample.Plan);
        foreach (int order in Enumerable.Range(0, 1000))
        {
            Add(statistics, TimeSpan.FromMicroseconds(1 + (order * 37 % 1000)), TimeSpan.FromMicroseconds(2), 2);
        }

        LoadResult result = statistics.Summarise(Load, 1000, true);
        Assert.Equal(new LatencySummary(0.5005, 0.5, 0.9, 0.99, 1), result.TtftMs! with { Mean = Math.Round(result.TtftMs.Mean, 9) });
        Assert.Equal(new LatencySummary(0.002, 0.002, 0.002, 0.002, 0.002), result.ItlMs! with { Mean = Math.Round(result.ItlMs.Mean, 9) });
        Assert.Equal(0.502, result.LatencyMs!.P50, 1e-9);
        Assert.Equal(0, result.SendDelayMs!.Max);
    }

    [Fact]
    public void Summarise_SlowLatencies_KeepsThreeDigits()
    {
        LoadStatistics statistics = new(_time, BenchExample.Plan);
        foreach (int seconds in Enumerable.Range(1, 100))
        {
            Add(statistics, TimeSpan.FromSeconds(seconds), TimeSpan.Zero, 1);
        }

        LatencySummary times = statistics.Summarise(Load, 100, true).TtftMs!;
        Assert.Equal([50, 90, 99, 100], new[] { times.P50, times.P90, times.P99, times.Max }.Select(ms => Math.Round(ms / 1000, 1)));
    }

    [Fact]
    public void Summarise_SomeRequestsFail_MatchesValuesByHand()
    {
        LoadStatistics statistics = new(_time, BenchExample.Plan with { SloTtftMs = 100, SloTpotMs = 20 });
        Add(statistics, Milliseconds(50), Milliseconds(10), 3);   // good
        Add(statistics, Milliseconds(150), Milliseconds(10), 3);  // first token too late
        Add(statistics, Milliseconds(50), Milliseconds(30), 3);   // tokens too slow
        Add(statistics, Milliseconds(50), default, 1);            // good
        Add(statistics, Milliseconds(100), default, 1, new FailedRequestException("429", "full", false));
        _time.Advance(Milliseconds(1000));                        // waits for the two that never end

        LoadResult result = statistics.Summarise(Load, 7, false);
        Assert.Equal((4, 1, 2), (result.Succeeded, result.Failed, result.Unfinished));
        Assert.Equal(0.5, result.Seconds, 1e-9);                  // 70 + 170 + 110 + 50 + 100 ms
        Assert.Equal(8, result.RequestsPerSecond, 1e-9);
        Assert.Equal(20, result.TokensPerSecond, 1e-9);
        Assert.Equal(new RequestErrors("429", 1, "full"), Assert.Single(result.Errors));
        Assert.Equal(0.4, result.Goodput!.Share, 1e-9);
        Assert.Equal(4, result.Goodput.RequestsPerSecond, 1e-9);
        Assert.Equal(4, result.WithoutUsage);
    }

    [Theory]
    [InlineData(100.0, null, 0.5)]
    [InlineData(null, 20.0, 0.5)]
    [InlineData(null, 5.0, 0.0)]
    [InlineData(null, null, null)]
    public void Summarise_OneLimit_CountsOnlyThatOne(double? first, double? each, double? share)
    {
        LoadStatistics statistics = new(_time, BenchExample.Plan with { SloTtftMs = first, SloTpotMs = each });
        Add(statistics, Milliseconds(50), Milliseconds(30), 2);
        Add(statistics, Milliseconds(150), Milliseconds(10), 2);
        Assert.Equal(share, statistics.Summarise(Load, 2, true).Goodput?.Share);
    }

    [Fact]
    public void Summarise_NothingEnded_HasNoTimes()
    {
        LoadResult result = new LoadStatistics(_time, BenchExample.Plan).Summarise(Load, 3, false);
        Assert.Equal((0.0, 0.0, 3), (result.RequestsPerSecond, result.TokensPerSecond, result.Unfinished));
        Assert.Null(result.TtftMs);
    }

    private static TimeSpan Milliseconds(int value) => TimeSpan.FromMilliseconds(value);

    private void Add(LoadStatistics statistics, TimeSpan first, TimeSpan each, int tokens, FailedRequestException? failure = null)
    {
        RequestTimer timer = new(_time, _time.GetTimestamp(), 1);
        for (int token = 0; token < tokens; token++)
        {
            _time.Advance(token == 0 ? first : each);
            timer.Arrived(0);
        }

        timer.End();
        statistics.Add(timer, failure);
    }
}
