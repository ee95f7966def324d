namespace Rudder.Checkpoints.Tests;

/// <summary>Messages may quote any file: values in them are cleaned and cut.</summary>
public class MessageTextTests
{
    [Theory]
    [InlineData("plain name", "plain name")]
    [InlineData("\u001b[2Jgone", "\uFFFD[2Jgone")]           // a terminal's escape
    [InlineData("two\nlines\r", "two\uFFFDlines\uFFFD")]
    [InlineData("\u202Eexe.txt", "\uFFFDexe.txt")]           // reverses what follows
    [InlineData("whole 😀 é", "whole 😀 é")]
    public void Clean_AnyText_IsSafeToShow(string value, string expected) => Assert.Equal(expected, MessageText.Clean(value));

    [Fact]
    public void Clean_HalfASurrogatePair_IsReplaced() => Assert.Equal("half \uFFFD", MessageText.Clean("half \ud83d"));

    [Fact]
    public void Message_LongValue_KeepsItsBeginningAndEnd()
    {
        string name = new string('a', 90_000_000) + "end";

        string message = new CheckpointException($"file: tensor '{name}' is missing. Remedy.").Message;

        Assert.Equal("file: tensor ''  is missing. Remedy.".Length + MessageText.LongestValue - 1, message.Length);
        Assert.EndsWith("end' is missing. Remedy.", message, StringComparison.Ordinal);
        Assert.Contains("aaa…aaa", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Message_OfAMessage_IsNotCutTwice()
    {
        string value = new('v', MessageText.LongestValue);

        Assert.Equal($"outer {value} and {value}", Outer($"{value} and {value}").Message);
    }

    private static CheckpointException Outer(MessageText inner) => new($"outer {inner}");
}
