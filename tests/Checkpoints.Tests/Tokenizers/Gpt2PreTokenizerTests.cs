using System.Text;
using System.Text.RegularExpressions;

namespace Rudder.Checkpoints.Tests;

/// <summary>The written-out splitter against the pattern that it stands for.</summary>
public partial class Gpt2PreTokenizerTests
{
    // Letters with and without case, digits of several kinds, marks, all sorts of white space, contractions and their neighbours.
    private static readonly string[] Pieces =
    [
        "a", "Z", "é", "ß", "日", "ʼ", "0", "٣", "½", "Ⅷ", "\u0301", "!", "-", "_", "'", "'s", "'re", "'S", "'l", "’", "…", "\u200b", "\0", "\u0092",
        " ", " ", "  ", "\n", "\r\n", "\t", "\u0085", "\u00a0", "\u2003", "\u2028", "\u3000", "ve", "ll", "d",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void PreTokenize_RandomTextBelowU10000_EqualsThePattern(int seed)
    {
        var random = new Random(seed);
        for (int round = 0; round < 3000; round++)
        {
            var text = new StringBuilder();
            for (int i = random.Next(1, 14); i > 0; i--)
            {
                text.Append(Pieces[random.Next(Pieces.Length)]);
            }

            string whole = text.ToString();
            var expected = Pattern().Matches(whole).Select(m => (m.Index, m.Length));

            Assert.Equal(expected, Gpt2PreTokenizer.Instance.PreTokenize(whole));
            Assert.Equal(expected, Gpt2PreTokenizer.Instance.PreTokenize(whole.AsSpan()));
        }
    }

    [Theory]
    [InlineData("a \U0001D407\U0001D422 b", new[] { "a", " \U0001D407\U0001D422", " b" })] // mathematical letters are letters
    [InlineData("x\U0001D7D9y", new[] { "x", "\U0001D7D9", "y" })] // a mathematical digit is a digit
    [InlineData("so \U0001F642\U0001F642!", new[] { "so", " \U0001F642\U0001F642!" })] // emoji are neither
    public void PreTokenize_CharactersBeyondUFFFF_AreSeenWhole(string text, string[] words) =>
        Assert.Equal(words, Gpt2PreTokenizer.Instance.PreTokenize(text).Select(w => text.Substring(w.Offset, w.Length)));

    [Fact]
    public void PreTokenize_HalfASurrogatePair_IsASymbol()
    {
        string half = "a" + '\uD800' + "b";

        Assert.Equal([(0, 1), (1, 1), (2, 1)], Gpt2PreTokenizer.Instance.PreTokenize(half));
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Pattern();
}
