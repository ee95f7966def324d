namespace Rudder.Terminal.Tests;

public sealed class ProgressDisplayTests : IDisposable
{
    private readonly StringWriter _written = new();
    private readonly HandClock _clock = new();

    public void Dispose() => _written.Dispose();

    [Fact]
    public void Report_InAPipe_WritesTheFirstOneEveryFiveSecondsAndTheLast()
    {
        using var progress = new ProgressDisplay(InAPipe(), "score", "rows", first: 3);
        for (int done = 4; done <= 12; done++)
        {
            _clock.Seconds += 2;
            progress.Report(done, 12);
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

    [Fact]
    public void Report_UnknownStart_CountsFromTheFirstReport()
    {
        using var progress = new ProgressDisplay(InAPipe(), "pairs", "prompts");
        progress.Report((4, 12));
        _clock.Seconds += 16;
        progress.Report((12, 12));
        Assert.Equal(["pairs: 4/12 prompts", "pairs: 12/12 prompts, 0.5 prompts/s, 00:00 left"], Lines());
    }

    [Theory]
    [InlineData(61, "01:00 left")]
    [InlineData(9001, "2:30:00 left")]
    [InlineData(100_001, "27:46:40 left")] // more than a day is shown in hours
    public void Report_TimeLeft_IsTheRestAtTheSameRate(int total, string expected)
    {
        using var progress = new ProgressDisplay(InAPipe(), "train", "steps", first: 0);
        _clock.Seconds++;
        progress.Report(1, total, "loss 0.5");
        Assert.Equal([$"train: 1/{total} steps, loss 0.5, {expected}"], Lines());
    }

    [Fact]
    public void Report_OnATerminal_DrawsABarAndEndsIt()
    {
        Display display = OnATerminal();
        using (var progress = new ProgressDisplay(display, "[train]", "steps", first: 0))
        {
            progress.Report(1, 2, "[loss]");
            display.Line("a line [above]");
            progress.Report(2, 2, "[loss]");
        }

        Assert.Contains("[train]: 2/2 steps, [loss]", _written.ToString(), StringComparison.Ordinal);
        Assert.Contains("a line [above]", _written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Dispose_BeforeTheLastReport_EndsTheBar()
    {
        using var progress = new ProgressDisplay(OnATerminal(), "train", "steps", first: 0);
        progress.Report(1, 2);
        progress.Dispose();
        Assert.Contains("train: 1/2 steps", _written.ToString(), StringComparison.Ordinal);
    }

    private Display InAPipe() => new(_written, terminal: false, _clock);

    private Display OnATerminal() => new(_written, terminal: true, TimeProvider.System);

    private string[] Lines() => _written.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');

    /// <summary>A clock that only the test moves.</summary>
    private sealed class HandClock : TimeProvider
    {
        public long Seconds { get; set; } = 1;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }
}
