using Rudder.Client.Processes;

namespace Rudder.Client.Tests.Processes;

/// <summary>What a progress line says of the time that is left.</summary>
public sealed class ProgressLineTests
{
    [Theory]
    [InlineData(10, 100, "15:00 left")] // 90 at 10 s each
    [InlineData(1, 100, "2:45:00 left")] // 99 at 100 s each
    [InlineData(1, 1001, "27:46:40 left")] // 1000 at 100 s each: more than a day is told in hours
    public void Report_AfterAHundredSeconds_SaysTheTimeLeft(int done, int total, string expected)
    {
        StringWriter error = new();
        HandClock clock = new();
        ProgressLine line = new("pairs", "prompts", error, terminal: false, clock);
        line.Report((0, total));
        clock.Seconds += 100;
        line.Report((done, total));
        Assert.Contains($"/s, {expected}", error.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A clock that only the test moves.</summary>
    private sealed class HandClock : TimeProvider
    {
        public long Seconds { get; set; } = 1;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }
}
