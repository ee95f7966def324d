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
    public void Error_ControlSequencesAndAHugeName_ArePrintableAndCut()
    {
        using var written = new StringWriter();
        Display.Error(written, $"tensor \e[2J\u009b2J{new string('x', 90_000)}");
        Assert.DoesNotContain(written.ToString().TrimEnd(), char.IsControl);
        Assert.InRange(written.ToString().Length, 1000, 20_000);
    }

    [Fact]
    public void Table_InAPipe_IsAlignedTextWithoutBorders()
    {
        using var written = new StringWriter();
        Display.Table(written, terminal: false, ["metric", "value"], [(string[])["steps", "12"], (string[])["eval/[loss]", "0.12346"]]);
        string[] lines = [.. written.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n').Select(line => line.TrimEnd())];
        Assert.Equal(["metric        value", "steps            12", "eval/[loss] 0.12346"], lines);
    }
}
