using Rudder.Client.Terminal;

namespace Rudder.Client.Tests.Terminal;

/// <summary>What appears on a stream: plain lines in a pipe, markup never taken from data.</summary>
public sealed class DisplayTests
{
    private readonly StringWriter _written = new();

    [Theory]
    [InlineData(10, 100, "15:00 left")] // 90 at 10 s each
    [InlineData(1, 100, "2:45:00 left")] // 99 at 100 s each
    [InlineData(1, 1001, "27:46:40 left")] // 1000 at 100 s each: more than a day is shown in hours
    public async Task Progress_AfterAHundredSeconds_ShowsRateAndTimeLeft(int done, int total, string expected)
    {
        HandClock clock = new();
        await new Display(_written, terminal: false, clock).ProgressAsync("pairs", "prompts", progress =>
        {
            progress.Report((0, total));
            clock.Seconds += 100;
            progress.Report((done, total));
            return Task.FromResult(0);
        });
        Assert.Contains($" prompts/s, {expected}", _written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Progress_ManyReports_WritesOneLineEveryFiveSecondsAndTheLast()
    {
        HandClock clock = new();
        await new Display(_written, terminal: false, clock).ProgressAsync("pairs", "prompts", progress =>
        {
            for (int done = 4; done <= 12; done++, clock.Seconds += 2)
            {
                progress.Report((done, 12));
            }

            return Task.FromResult(0);
        });
        Assert.Equal(["4", "7", "10", "12"], Lines().Select(line => line["pairs: ".Length..].Split('/')[0]));
        Assert.Equal("pairs: 12/12 prompts, 0.5 prompts/s, 00:00 left", Lines()[^1]); // the 4 of an earlier run do not count
    }

    [Fact]
    public async Task Progress_OnATerminal_DrawsABarAndEnds()
    {
        Display display = new(_written, terminal: true, TimeProvider.System);
        int result = await display.ProgressAsync("[pairs]", "prompts", progress =>
        {
            progress.Report((2, 2));
            return Task.FromResult(7);
        });
        Assert.Equal(7, result);
        Assert.Contains("[pairs] 2/2 prompts", _written.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Line_LongTextWithBrackets_IsWrittenAsItIs()
    {
        Display display = new(_written, terminal: false, TimeProvider.System);
        string text = "[red]no markup[/] " + new string('x', 500);
        display.Line(text);
        display.Error(text);
        Assert.Equal([text, "error: " + text], Lines());
    }

    [Fact]
    public void Table_InAPipe_IsAlignedTextWithoutBorders()
    {
        new Display(_written, terminal: false, TimeProvider.System).Table(
            ["name", "[95 %]"],
            [
                ["a", "1"],
                ["longer", "2"],
            ]
        );
        Assert.Equal(["name   [95 %]", "a      1", "longer 2"], Lines().Select(line => string.Join(' ', line.TrimEnd())));
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
