namespace Rudder.Datasets.Tests;

public sealed class PromptCutTests
{
    [Theory]
    [InlineData("short", "short")]
    [InlineData("aaaa aaaa aaaa aaaa aaaa aaaa aaaa aaaa", "aaaa aaaa aaaa aaaa aaaa aaaa")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void Opening_LongText_EndsAtWhiteSpaceWithin32CharactersAToken(string text, string expected) =>
        Assert.Equal(expected, PromptCut.Opening(text, 1));

    [Fact]
    public void Length_ManyIds_CoversTheRangeAndNothingElse()
    {
        int[] lengths = [.. Enumerable.Range(0, 200).Select(i => PromptCut.Length($"r{i}", 2, 8))];
        Assert.Equal(Enumerable.Range(2, 7), lengths.Distinct().Order());
        Assert.Equal(5, PromptCut.Length("any", 5, 5));
    }
}
