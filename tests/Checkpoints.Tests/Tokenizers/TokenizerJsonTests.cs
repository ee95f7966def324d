using System.Text.Json.Nodes;

namespace Rudder.Checkpoints.Tests;

/// <summary>What a tokenizer's files say decides the ids.</summary>
public class TokenizerJsonTests
{
    private const int A = 64; // ids of 'a' and 'b' in GPT-2's order of bytes, which begins at '!'
    private const int B = 65;
    private const int Blank = 220; // bytes that do not print come after those that do
    private const int Tab = 197;

    [Fact]
    public void Load_NoTokenizerFiles_GivesNull()
    {
        using var folder = new TemporaryFolder();

        Assert.Null(TextTokenizer.Load(folder.Path));
    }

    [Fact]
    public void Load_VocabularyAndMergesAlone_EqualsTokenizerJson()
    {
        using var folder = TinyTokenizer.Write();
        var whole = TextTokenizer.Load(folder.Path)!;
        File.Delete(folder.File("tokenizer.json"));
        File.Delete(folder.File("tokenizer_config.json"));

        var pair = TextTokenizer.Load(folder.Path)!;

        Assert.Equal(whole.Encode("abab #ab<|endoftext|>b"), pair.Encode("abab #ab<|endoftext|>b"));
        Assert.Equal((whole.VocabularySize, whole.EosId), (pair.VocabularySize, pair.EosId));
        Assert.Equal(whole.SpecialTokens, pair.SpecialTokens);
    }

    [Theory]
    [InlineData("ab", new[] { 256 })]
    [InlineData("abab", new[] { 256, 256 })]
    [InlineData("ba", new[] { B, A })]
    [InlineData("a<|endoftext|>b", new[] { A, 257, B })]
    public void Encode_TinyVocabulary_GivesHandDerivedIds(string text, int[] expected)
    {
        using var folder = TinyTokenizer.Write();

        Assert.Equal(expected, TextTokenizer.Load(folder.Path)!.Encode(text));
    }

    [Fact]
    public void Decode_SpecialTokens_AreSkipped()
    {
        using var folder = TinyTokenizer.Write();
        var tokenizer = TextTokenizer.Load(folder.Path)!;

        Assert.Equal("aba", tokenizer.Decode([257, 256, 257, A, 257]));
        Assert.Equal((257, 258), (tokenizer.EosId!.Value, tokenizer.VocabularySize));
    }

    [Theory]
    [InlineData(258)]
    [InlineData(-1)]
    public void Decode_IdOutsideTheVocabulary_NamesIt(int id)
    {
        using var folder = TinyTokenizer.Write();

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => TextTokenizer.Load(folder.Path)!.Decode([id]));

        Assert.Contains("0 to 257", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_HalfACharacter_GivesTheReplacementCharacter()
    {
        using var folder = TinyTokenizer.Write();
        var tokenizer = TextTokenizer.Load(folder.Path)!;
        int[] ids = tokenizer.Encode("é");

        Assert.Equal("\uFFFD", tokenizer.Decode(ids[..1]));
        Assert.Equal([0xC3], tokenizer.Bytes(ids[0]).ToArray());
    }

    [Fact]
    public void Encode_AddedTokenThatStrips_SwallowsWhiteSpace()
    {
        using var folder = TinyTokenizer.Write();
        TinyTokenizer.Change(folder, json =>
        {
            json["added_tokens"]![0]!["lstrip"] = true;
            json["added_tokens"]![0]!["rstrip"] = true;
        });

        Assert.Equal([A, 257, B], TextTokenizer.Load(folder.Path)!.Encode("a  <|endoftext|>\n b"));
    }

    [Theory]
    [InlineData(true, null, true)]                      // tokenizer_config.json alone: vocab.json and merges.txt say nothing
    [InlineData(true, false, true)]
    [InlineData(false, true, false)]
    [InlineData(null, true, true)]
    [InlineData(null, false, false)]
    public void Encode_AddPrefixSpaceOfBothFiles_FollowsTokenizerConfig(bool? settings, bool? json, bool expected)
    {
        using var folder = TinyTokenizer.Write();
        File.WriteAllText(folder.File("tokenizer_config.json"), settings is null ? "{}" : $$"""{"add_prefix_space":{{(settings == true ? "true" : "false")}}}""");
        if (json is bool own)
        {
            TinyTokenizer.Change(folder, file => file["pre_tokenizer"]!["add_prefix_space"] = own);
        }
        else
        {
            File.Delete(folder.File("tokenizer.json"));
        }

        var tokenizer = TextTokenizer.Load(folder.Path)!;

        Assert.Equal(expected ? [Blank, 256] : [256], tokenizer.Encode("ab"));
        Assert.Equal([Blank, 256], tokenizer.Encode(" ab"));
        Assert.Equal(expected ? [Blank, Tab, 256] : [Tab, 256], tokenizer.Encode("\tab"));
    }

    [Fact]
    public void Encode_TokenBeyondTheModel_IsRefusedWhereItIsUsedOnly()
    {
        using var folder = TinyTokenizer.Write();
        TinyTokenizer.Change(folder, json => json["added_tokens"]!.AsArray().Add(JsonNode.Parse("""{"id":258,"content":"[PAD]","special":true}""")));

        var tokenizer = TextTokenizer.Load(folder.Path, modelVocabulary: 258)!;

        Assert.Equal([256, 257], tokenizer.Encode("ab<|endoftext|>"));
        Assert.Equal(258, Assert.Throws<SurplusTokenException>(() => tokenizer.Encode("ab[PAD]")).Id);
    }

    [Theory]
    [InlineData("<a><ab>", new[] { 258, 259 })]
    [InlineData("<a", new[] { 27, A })]
    [InlineData("<abc", new[] { 260 })]                 // of several that begin here the longest, not the first
    [InlineData("<ab<a>", new[] { 27, 256, 258 })]      // a beginning of a token that does not end
    public void Encode_AddedTokensThatBeginAlike_TakesTheLongest(string text, int[] expected)
    {
        using var folder = TinyTokenizer.Write();
        TinyTokenizer.Change(folder, json => json["added_tokens"] = JsonNode.Parse(
            """[{"id":258,"content":"<a>"},{"id":259,"content":"<ab>"},{"id":260,"content":"<abc"}]"""));

        Assert.Equal(expected, TextTokenizer.Load(folder.Path)!.Encode(text));
    }

    [Fact]
    public void Encode_HundredThousandAddedTokens_TakesMomentsNotMinutes()
    {
        using var folder = TinyTokenizer.Write();
        var tokens = new JsonArray([.. Enumerable.Range(0, 100_000).Select(i => (JsonNode)new JsonObject { ["id"] = 300 + i, ["content"] = $"<|{i}|>" })]);
        TinyTokenizer.Change(folder, json => json["added_tokens"] = tokens);
        string text = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"ab<|{i * 7}|>"));
        var clock = System.Diagnostics.Stopwatch.StartNew();

        int[] ids = TextTokenizer.Load(folder.Path)!.Encode(text);

        Assert.Equal(20_000, ids.Length);
        Assert.Equal([256, 300, 256, 307], ids[..4]);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(15), $"{clock.Elapsed}");     // the pattern that it replaces took 30 s and more
    }

    [Fact]
    public void Load_MergesAsPairs_GivesTheSameIds()
    {
        using var folder = TinyTokenizer.Write();
        TinyTokenizer.Change(folder, json => json["model"]!["merges"] = new JsonArray(new JsonArray("a", "b")));

        Assert.Equal([256], TextTokenizer.Load(folder.Path)!.Encode("ab"));
    }

    [Fact]
    public void EosId_NamedByTokenizerConfig_IsThatToken()
    {
        using var folder = TinyTokenizer.Write();
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"eos_token":{"content":"ab"}}""");

        Assert.Equal(256, TextTokenizer.Load(folder.Path)!.EosId);
    }

    [Fact]
    public void CopyFiles_TrainedTokenizer_LoadsFromTheCopy()
    {
        using var folder = TinyTokenizer.Write();

        TextTokenizer.CopyFiles(folder.Path, folder.File("model"), context: 64);

        Assert.Equal([256], TextTokenizer.Load(folder.File("model"))!.Encode("ab"));
        Assert.Equal(64, (int)JsonNode.Parse(File.ReadAllText(folder.File("model/tokenizer_config.json")))!["model_max_length"]!);
    }

    [Fact]
    public void CopyFiles_VocabularyAndMergesAlone_WritesTokenizerJsonToo()
    {
        using var folder = TinyTokenizer.Write();
        File.Delete(folder.File("tokenizer.json"));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"add_prefix_space":true,"eos_token":"ab"}""");

        TextTokenizer.CopyFiles(folder.Path, folder.File("model"), context: 64);

        File.Delete(folder.File("model/vocab.json"));
        var copy = TextTokenizer.Load(folder.File("model"))!;
        Assert.Equal([Blank, 256], copy.Encode("ab"));
        Assert.Equal(256, copy.EosId);
        Assert.True((bool)JsonNode.Parse(File.ReadAllText(folder.File("model/tokenizer.json")))!["pre_tokenizer"]!["add_prefix_space"]!);
    }
}
