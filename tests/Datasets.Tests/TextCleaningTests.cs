namespace Rudder.Datasets.Tests;

/// <summary>What becomes of tags, controls and white space.</summary>
public class TextCleaningTests
{
    [Theory]
    [InlineData("One.<br /><br />Two", "One. Two")]
    [InlineData("One<BR>two<br/>three", "One two three")]
    [InlineData("  a \t\n b\u00a0\u0085c  ", "a b c")]
    [InlineData("don\u0092t \u0000\u0007stop", "dont stop")]
    [InlineData("a < b > c <brr> d", "a < b > c <brr> d")]
    [InlineData("café 🙂", "café 🙂")]
    [InlineData("<br /> \u0080", "")]
    public void Clean_EachKindOfDirt_GivesPlainText(string text, string expected) => Assert.Equal(expected, TextCleaning.Clean(text));
}
