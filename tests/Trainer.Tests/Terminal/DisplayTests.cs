using Rudder.Trainer.Terminal;

namespace Rudder.Trainer.Tests.Terminal;

public sealed class DisplayTests
{
    [Fact]
    public void Error_LongMessageWithBrackets_IsOnePlainLineInAPipe()
    {
        using var written = new StringWriter();
        string message = "[red]no markup[/] " + new string('x', 500);
        Display.Error(written, message);
        Assert.Equal($"error: {message}", written.ToString().TrimEnd());
    }

    [Fact]
    public void Metrics_InAPipe_AreAlignedTextWithoutBorders()
    {
        using var written = new StringWriter();
        Display.Metrics(written, terminal: false, new Dictionary<string, object> { ["steps"] = 12, ["eval/[loss]"] = 0.123456 });
        string[] lines = [.. written.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n').Select(line => line.TrimEnd())];
        Assert.Equal(["metric        value", "steps            12", "eval/[loss] 0.12346"], lines);
    }
}
