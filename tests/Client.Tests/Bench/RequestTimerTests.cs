using Rudder.Client.Bench;
using Rudder.Engine.Tests.Support;

namespace Rudder.Client.Tests.Bench;

public sealed class RequestTimerTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Times_TwoCompletions_MatchValuesByHand()
    {
        long intended = _time.GetTimestamp();
        Pass(2);                                             // the client is late
        RequestTimer timer = new(_time, intended, 2);
        foreach ((int wait, int completion) in new[] { (8, 0), (5, 1), (5, 0), (20, 0), (20, 1) })
        {
            Pass(wait);                                      // arrivals at 10, 15, 20, 40 and 60 ms
            timer.Arrived(completion);
        }

        Pass(10);
        timer.End();

        Assert.Equal(2, timer.SendDelay.TotalMilliseconds);
        Assert.Equal(10, timer.FirstToken!.Value.TotalMilliseconds);
        Assert.Equal([10, 20, 45], timer.Gaps.Select(gap => gap.TotalMilliseconds));
        Assert.Equal(70, timer.Latency.TotalMilliseconds);
        Assert.Equal(5, timer.Tokens);
        Assert.Equal(25, timer.PerToken!.Value.TotalMilliseconds);  // (40 - 10 + 60 - 15) / (5 - 2)

        timer.Usage = (4, 7);
        Assert.Equal(7, timer.Tokens);
        Assert.Equal(15, timer.PerToken!.Value.TotalMilliseconds);  // 75 / (7 - 2)
    }

    [Fact]
    public void Times_OneToken_HasNoTimePerToken()
    {
        RequestTimer timer = new(_time, _time.GetTimestamp(), 1);
        Assert.Null(timer.FirstToken);
        timer.Arrived(0);
        Assert.Null(timer.PerToken);
        Assert.Empty(timer.Gaps);
    }

    [Fact]
    public void Times_SentBeforeTheIntendedStart_CountFromTheSending()
    {
        Pass(3);
        RequestTimer timer = new(_time, _time.GetTimestamp() + TimeSpan.FromMilliseconds(2).Ticks, 1);
        Pass(7);
        timer.Arrived(0);
        Assert.Equal(7, timer.FirstToken!.Value.TotalMilliseconds);
        Assert.Equal(0, timer.SendDelay.TotalMilliseconds);
    }

    private void Pass(int milliseconds) => _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
}
