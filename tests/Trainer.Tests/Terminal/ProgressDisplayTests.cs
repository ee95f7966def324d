using Rudder.Trainer.Terminal;

namespace Rudder.Trainer.Tests.Terminal;

public sealed class ProgressDisplayTests : IDisposable
{
    private readonly StringWriter _written = new();

    public void Dispose() => _written.Dispose();

    [Fact]
    public void Report_InAPipe_WritesTheFirstOneEveryFiveSecondsAndTheLast()
    {
        var clock = new HandClock();
        using var progress = new ProgressDisplay(_written, terminal: false, clock, "score", "rows", first: 3, total: 12);
        for (int done = 4; done <= 12; done++)
        {
            clock.Seconds += 2;
            progress.Report(done);
        }

        Assert.Equal(
            [
                "score: 4/12 rows, 0.5 rows/s, 00:16 left", // the 3 of an earlier run do not count
                "score: 7/12 rows, 0.5 rows/s, 00:10 left",
                "score: 10/12 rows, 0.5 rows/s, 00:04 left",
                "score: 12/12 rows, 0.5 rows/s, 00:00 left",
            ],
            Lines());
    }

    [Theory]
    [InlineData(61, "01:00 left")]
    [InlineData(100_001, "27:46:40 left")] // more than a day is shown in hours
    public void Report_TimeLeft_IsTheRestAtTheSameRate(int total, string expected)
    {
        var clock = new HandClock();
        using var progress = new ProgressDisplay(_written, terminal: false, clock, "train", "steps", first: 0, total);
        clock.Seconds++;
        progress.Report(1, "loss 0.5");
        Assert.Equal([$"train: 1/{total} steps, loss 0.5, {expected}"], Lines());
    }

    [Fact]
    public void Report_OnATerminal_DrawsABarAndEndsIt()
    {
        using (var progress = new ProgressDisplay(_written, terminal: true, TimeProvider.System, "[train]", "steps", first: 0, total: 2))
        {
            progress.Report(1, "[loss]");
            progress.Line("a line [above]");
            progress.Report(2, "[loss]");
        }

        Assert.Contains("[train]: 2/2 steps, [loss]", _written.ToString(), StringComparison.Ordinal);
        Assert.Contains("a line [above]", _written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Dispose_BeforeTheLastReport_EndsTheBar()
    {
        using var progress = new ProgressDisplay(_written, terminal: true, TimeProvider.System, "train", "steps", first: 0, total: 2);
        progress.Report(1);
        progress.Dispose();
        Assert.Contains("train: 1/2 steps", _written.ToString(), StringComparison.Ordinal);
    }

    private string[] Lines() => _written.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');

    /// <summary>A clock that only the test moves.</summary>
    private sealed class HandClock : TimeProvider
    {
        public long Seconds { get; set; } = 1;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }
}
