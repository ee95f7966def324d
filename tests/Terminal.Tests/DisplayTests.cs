namespace Rudder.Terminal.Tests;

public sealed class DisplayTests : IDisposable
{
    private readonly StringWriter _written = new();

    public void Dispose() => _written.Dispose();

    [Fact]
    public void Line_LongTextWithBrackets_IsWrittenAsItIs()
    {
        string text = "[red]no markup[/] " + new string('x', 500);
        InAPipe().Line(text);
        InAPipe().Error(text);
        Assert.Equal([text, "error: " + text], Lines());
    }

    [Fact]
    public void Error_ControlSequencesAndAHugeName_ArePrintableAndCut()
    {
        InAPipe().Error($"tensor \e[2J\u009b2J{new string('x', 90_000)}");
        Assert.DoesNotContain(_written.ToString().TrimEnd(), char.IsControl);
        Assert.InRange(_written.ToString().Length, 1000, 20_000);
    }

    [Fact]
    public void Table_InAPipe_IsAlignedTextWithoutBorders()
    {
        InAPipe().Table(["metric", "value"], [(string[])["steps", "12"], (string[])["eval/[loss]", "0.12346"]]);
        Assert.Equal(["metric        value", "steps            12", "eval/[loss] 0.12346"], Lines().Select(line => line.TrimEnd()));
    }

    [Fact]
    public void Table_ControlSequences_ArePrintable()
    {
        InAPipe().Table(["na\e[2Jme", "value"], [(string[])["mo\u009b2Jdel", "1"]]);
        Assert.DoesNotContain(_written.ToString().ReplaceLineEndings(""), char.IsControl);
        Assert.Contains("na\uFFFD[2Jme", _written.ToString());
        Assert.Contains("mo\uFFFD2Jdel", _written.ToString());
    }

    private Display InAPipe() => new(_written, terminal: false, TimeProvider.System);

    private string[] Lines() => _written.ToString().ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
}
