using System.Text;

namespace Rudder.Engine.Tests.Sampling;

public class StopRuleTests
{
    // A byte-level tokenizer in miniature: each id is one byte, 256 is a special token without text.
    private static string Decode(IEnumerable<int> ids) => Encoding.UTF8.GetString([.. ids.Where(id => id < 256).Select(id => (byte)id)]);

    private static int? FirstEnd(StopRule rule, IEnumerable<int> ids)
    {
        List<int> completion = [];
        foreach (int id in ids)
        {
            completion.Add(id);
            if (rule.Ends(completion))
            {
                return completion.Count;
            }
        }

        return null;
    }

    [Fact]
    public void Ends_StopId_EndsAtThatId() => Assert.Equal(3, FirstEnd(new StopRule([9, 7]), [1, 2, 7, 9]));

    [Theory]
    [InlineData("abcENDxyz", "END", 6)]
    [InlineData("END", "END", 3)]
    [InlineData("ENEND", "END", 5)]
    [InlineData("no such word", "END", null)]
    public void Ends_StringAcrossTokens_EndsAtItsLastByte(string text, string stop, int? end) =>
        Assert.Equal(end, FirstEnd(new StopRule([], [stop], Decode), Encoding.UTF8.GetBytes(text).Select(b => (int)b)));

    [Fact]
    public void Ends_CharacterSplitOverTokens_EndsOnlyWhenTheCharacterIsComplete()
    {
        // é is C3 A9; after C3 the text ends in a replacement mark.
        Assert.Equal(3, FirstEnd(new StopRule([], ["é"], Decode), [0x61, 0xC3, 0xA9, 0x62]));
    }

    [Fact]
    public void Ends_FourByteCharacterAfterLongText_IsFound()
    {
        byte[] text = Encoding.UTF8.GetBytes(new string('x', 500) + "ü🙂!");
        Assert.Equal(506, FirstEnd(new StopRule([], ["ü🙂"], Decode), text.Select(b => (int)b)));
    }

    [Fact]
    public void Ends_SpecialTokensInsideTheString_AreLookedThrough()
    {
        int[] ids = ['E', 256, 256, 256, 'N', 256, 256, 256, 'D'];
        Assert.Equal(9, FirstEnd(new StopRule([], ["END"], Decode), ids));
    }

    // The newest token's own text must not pass for text before it.
    [Theory]
    [InlineData("a", "", "bcd")]
    [InlineData("a", "", "", "", "bcdefgh")]
    public void Ends_StringBehindATokenWithoutText_IsFound(params string[] tokens) =>
        Assert.Equal(tokens.Length, FirstEnd(new StopRule([], ["ab"], ids => string.Concat(ids.Select(id => tokens[id]))), Enumerable.Range(0, tokens.Length)));

    [Fact]
    public void Cut_SeveralStrings_CutsBeforeTheFirst() =>
        Assert.Equal("one ", new StopRule([], ["three", "two"], Decode).Cut("one two three"));

    [Fact]
    public void Cut_NoString_KeepsAll() => Assert.Equal("one", new StopRule([], ["two"], Decode).Cut("one"));

    [Theory]
    [InlineData("")]
    [InlineData("a\uFFFD")]
    [InlineData("\uD83D")]
    public void Constructor_StringThatIsNoText_IsRefused(string stop) =>
        Assert.Equal("settings.stop_strings", Assert.Throws<RequestFault>(() => new StopRule([], [stop], Decode)).Field);

    [Fact]
    public void Constructor_StringsWithoutTokenizer_IsRefusedNamingTheRemedy() =>
        Assert.Contains("stop ids", Assert.Throws<RequestFault>(() => new StopRule([], ["a"])).Remedy);
}
