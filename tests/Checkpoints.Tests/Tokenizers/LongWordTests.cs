namespace Rudder.Checkpoints.Tests;

/// <summary>Words beyond the cache and beyond the scan: the heap gives what the scan gives.</summary>
public class LongWordTests
{
    [Fact]
    public void Encode_LongWordOfRepeatedSyllables_EqualsItsSyllables()
    {
        using var folder = new TemporaryFolder();
        // Merges never reach across "abc": its letters are merged in twos, then with the third.
        BpeTraining.Train(Enumerable.Repeat("abc", 5), 259, [], folder.Path, TokenizerFamily.Gpt2);
        var tokenizer = TextTokenizer.Load(folder.Path)!;
        int syllable = Assert.Single(tokenizer.Encode("abc"));

        int[] ids = tokenizer.Encode(string.Concat(Enumerable.Repeat("abc", 20_000)));

        Assert.Equal(20_000, ids.Length);
        Assert.All(ids, id => Assert.Equal(syllable, id));
    }

    [Fact]
    public void Encode_RunOfOneLetter_MergesLeftmostFirst()
    {
        using var folder = new TemporaryFolder();
        // "aa" is learned, then "aaaa" (aa aa): 101 letters are 25 fours and one single at the end.
        BpeTraining.Train(Enumerable.Repeat("aaaa", 5), 259, [], folder.Path, TokenizerFamily.Gpt2);
        var tokenizer = TextTokenizer.Load(folder.Path)!;
        int four = Assert.Single(tokenizer.Encode("aaaa"));
        int one = Assert.Single(tokenizer.Encode("a"));

        Assert.Equal([.. Enumerable.Repeat(four, 25), one], tokenizer.Encode(new string('a', 101)));
        Assert.Equal([four, one], tokenizer.Encode("aaaaa"));
    }
}
