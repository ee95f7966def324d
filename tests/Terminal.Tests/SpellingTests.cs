namespace Rudder.Terminal.Tests;

/// <summary>Which known word a mistyped one means.</summary>
public sealed class SpellingTests
{
    private static readonly string[] Known = ["learning_rate", "betas", "beta", "max_new_tokens", "seed"];

    [Theory]
    [InlineData("lerning_rate", "learning_rate")]
    [InlineData("learning-rate", "learning_rate")]
    [InlineData("learningrate", "learning_rate")]
    [InlineData("Betas", "betas")]
    [InlineData("sede", "seed")]
    [InlineData("max_tokens", "max_new_tokens")]
    [InlineData("optimizer", null)]
    [InlineData("", null)]
    public void Nearest_Word_IsTheKnownOneWithFewEdits(string word, string? expected) =>
        Assert.Equal(expected, Spelling.Nearest(word, Known));

    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("seed", "sede", 1)] // one swap of neighbours
    [InlineData("ca", "abc", 3)] // the restricted distance: no edit inside a swap
    public void Distance_KnownPairs_IsByHand(string a, string b, int expected)
    {
        Assert.Equal(expected, Spelling.Distance(a, b));
        Assert.Equal(expected, Spelling.Distance(b, a));
    }

    [Fact]
    public void Hint_NoNearWord_IsEmpty() => Assert.Equal("", Spelling.Hint("optimizer", Known));
}
