using System.Text.Json.Nodes;

namespace Rudder.Checkpoints.Tests;

/// <summary>Tokenizer files: what is understood gives the right ids, what is not is refused by name.</summary>
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
        using var folder = Tiny();
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
        using var folder = Tiny();

        Assert.Equal(expected, TextTokenizer.Load(folder.Path)!.Encode(text));
    }

    [Fact]
    public void Decode_SpecialTokens_AreSkipped()
    {
        using var folder = Tiny();
        var tokenizer = TextTokenizer.Load(folder.Path)!;

        Assert.Equal("aba", tokenizer.Decode([257, 256, 257, A, 257]));
        Assert.Equal((257, 258), (tokenizer.EosId!.Value, tokenizer.VocabularySize));
    }

    [Theory]
    [InlineData(258)]
    [InlineData(-1)]
    public void Decode_IdOutsideTheVocabulary_NamesIt(int id)
    {
        using var folder = Tiny();

        var error = Assert.Throws<ArgumentOutOfRangeException>(() => TextTokenizer.Load(folder.Path)!.Decode([id]));

        Assert.Contains("0 to 257", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decode_HalfACharacter_GivesTheReplacementCharacter()
    {
        using var folder = Tiny();
        var tokenizer = TextTokenizer.Load(folder.Path)!;
        int[] ids = tokenizer.Encode("é");

        Assert.Equal("\uFFFD", tokenizer.Decode(ids[..1]));
        Assert.Equal([0xC3], tokenizer.Bytes(ids[0]).ToArray());
    }

    [Fact]
    public void Encode_AddedTokenThatStrips_SwallowsWhiteSpace()
    {
        using var folder = Tiny();
        Change(folder, json =>
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
        using var folder = Tiny();
        File.WriteAllText(folder.File("tokenizer_config.json"), settings is null ? "{}" : $$"""{"add_prefix_space":{{(settings == true ? "true" : "false")}}}""");
        if (json is bool own)
        {
            Change(folder, file => file["pre_tokenizer"]!["add_prefix_space"] = own);
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
        using var folder = Tiny();
        Change(folder, json => json["added_tokens"]!.AsArray().Add(JsonNode.Parse("""{"id":258,"content":"[PAD]","special":true}""")));

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
        using var folder = Tiny();
        Change(folder, json => json["added_tokens"] = JsonNode.Parse(
            """[{"id":258,"content":"<a>"},{"id":259,"content":"<ab>"},{"id":260,"content":"<abc"}]"""));

        Assert.Equal(expected, TextTokenizer.Load(folder.Path)!.Encode(text));
    }

    [Fact]
    public void Encode_HundredThousandAddedTokens_TakesMomentsNotMinutes()
    {
        using var folder = Tiny();
        var tokens = new JsonArray([.. Enumerable.Range(0, 100_000).Select(i => (JsonNode)new JsonObject { ["id"] = 300 + i, ["content"] = $"<|{i}|>" })]);
        Change(folder, json => json["added_tokens"] = tokens);
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
        using var folder = Tiny();
        Change(folder, json => json["model"]!["merges"] = new JsonArray(new JsonArray("a", "b")));

        Assert.Equal([256], TextTokenizer.Load(folder.Path)!.Encode("ab"));
    }

    [Fact]
    public void EosId_NamedByTokenizerConfig_IsThatToken()
    {
        using var folder = Tiny();
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"eos_token":{"content":"ab"}}""");

        Assert.Equal(256, TextTokenizer.Load(folder.Path)!.EosId);
    }

    [Theory]
    [InlineData("model/type", "\"WordPiece\"", "model.type is 'WordPiece'")]
    [InlineData("model/type", "\"Unigram\"", "model.type is 'Unigram'")]
    [InlineData("model/byte_fallback", "true", "model.byte_fallback")]
    [InlineData("model/ignore_merges", "true", "model.ignore_merges")]
    [InlineData("model/dropout", "0.1", "model.dropout is '0.1'")]
    [InlineData("model/continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix is '##'")]
    [InlineData("model/merges", "[\"a b c\"]", "a b c")]
    [InlineData("model/merges", "[\"a xyz\"]", "'xyz'")]
    [InlineData("model/merges", "[7]", "merge 0 is 7")]
    [InlineData("model/vocab", "{}", "vocabulary is missing or empty")]
    [InlineData("model/vocab", """{"a":1,"b":1}""", "'a' and 'b' both have id 1")]
    [InlineData("model/vocab", """{"a":-1}""", "'a' has id -1")]
    [InlineData("model/vocab", """{"a":2000000000}""", "'a' has id 2000000000")]
    [InlineData("normalizer", """{"type":"NFC"}""", "normalizer is 'NFC'")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[]}""", "pre_tokenizer is 'Sequence'")]
    [InlineData("pre_tokenizer", "null", "pre_tokenizer is 'null'")]
    [InlineData("pre_tokenizer/use_regex", "false", "use_regex")]
    [InlineData("decoder", """{"type":"WordPiece"}""", "decoder is 'WordPiece'")]
    [InlineData("added_tokens", """[{"id":5,"content":"ab"}]""", "'ab' has id 5, but 256")]
    [InlineData("added_tokens", """[{"id":900,"content":"xx","single_word":true}]""", "single_word")]
    [InlineData("added_tokens", """[{"id":900,"content":"xx"},{"id":901,"content":"xx"}]""", "'xx' is there 2 times")]
    [InlineData("added_tokens", """[{"id":900}]""", "needs a content")]
    [InlineData("added_tokens", """[{"id":900,"content":"\u001b[31mred","single_word":true}]""", "'\uFFFD[31mred'")]
    public void Load_UnsupportedOrUnsoundPart_IsRefusedByName(string key, string value, string part)
    {
        using var folder = Tiny();
        Change(folder, json =>
        {
            string[] steps = key.Split('/');
            (steps.Length == 2 ? json[steps[0]]! : json)[steps[^1]] = JsonNode.Parse(value);
        });

        var error = Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path));

        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder.File("tokenizer.json"), error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model":{"vocab":{"\ud800":1}}}""")]
    [InlineData("""{"model":{"type":"\udc00"}}""")]
    [InlineData("""{"model":{},"model":{}}""")]
    [InlineData("""{"model":""")]
    public void Load_JsonThatIsUnsound_NamesTheFile(string json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("tokenizer.json"), json);

        var error = Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path));

        Assert.Contains($"{folder.File("tokenizer.json")}: not valid JSON", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    [InlineData("merges.txt")]
    public void Load_SparseFileOfAGigabyte_IsRefusedByItsSize(string name)
    {
        using var folder = Tiny();
        File.Delete(folder.File(name == "merges.txt" ? "tokenizer.json" : name));
        using (var file = File.Create(folder.File(name)))
        {
            file.SetLength(1 << 30);
        }

        var error = Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path));

        Assert.Contains($"{folder.File(name)}: has 1073741824 bytes; at most", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MillionsOfValues_IsRefusedByTheirNumber()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("tokenizer.json"), $"[{new string(',', 2_000_001)}]");

        Assert.Contains("at most 2000000 values", Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_LongAddedToken_IsRefused()
    {
        using var folder = Tiny();
        Change(folder, json => json["added_tokens"]![0]!["content"] = new string('x', 1025));

        Assert.Contains("1 to 1024", Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AddedTokensOfTooManyCharacters_AreRefused()
    {
        using var folder = Tiny();
        Change(folder, json =>
        {
            for (int i = 0; i < 4000; i++)
            {
                json["added_tokens"]!.AsArray().Add(new JsonObject { ["content"] = $"{i:D4}{new string('x', 1000)}", ["id"] = 1000 + i });
            }
        });

        Assert.Contains("at most 4000000", Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AddedTokensFileOfTooManyCharacters_IsRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("vocab.json"), """{"a":0}""");
        File.WriteAllText(folder.File("merges.txt"), "");
        File.WriteAllText(
            folder.File("added_tokens.json"),
            $"{{{string.Join(',', Enumerable.Range(1, 4000).Select(i => $"\"{i:D4}{new string('x', 1000)}\":{i}"))}}}");

        Assert.Contains("at most 4000000", Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MergesMissingBesideVocabulary_NamesTheFile()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("vocab.json"), """{"a":0}""");

        var error = Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path));

        Assert.Contains(folder.File("merges.txt"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CopyFiles_TrainedTokenizer_LoadsFromTheCopy()
    {
        using var folder = Tiny();

        TextTokenizer.CopyFiles(folder.Path, folder.File("model"), context: 64);

        Assert.Equal([256], TextTokenizer.Load(folder.File("model"))!.Encode("ab"));
        Assert.Equal(64, (int)JsonNode.Parse(File.ReadAllText(folder.File("model/tokenizer_config.json")))!["model_max_length"]!);
    }

    [Fact]
    public void CopyFiles_VocabularyAndMergesAlone_WritesTokenizerJsonToo()
    {
        using var folder = Tiny();
        File.Delete(folder.File("tokenizer.json"));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"add_prefix_space":true,"eos_token":"ab"}""");

        TextTokenizer.CopyFiles(folder.Path, folder.File("model"), context: 64);

        File.Delete(folder.File("model/vocab.json"));
        var copy = TextTokenizer.Load(folder.File("model"))!;
        Assert.Equal([Blank, 256], copy.Encode("ab"));
        Assert.Equal(256, copy.EosId);
        Assert.True((bool)JsonNode.Parse(File.ReadAllText(folder.File("model/tokenizer.json")))!["pre_tokenizer"]!["add_prefix_space"]!);
    }

    /// <summary>256 bytes, the merge "a b" and the end of text.</summary>
    private static TemporaryFolder Tiny()
    {
        var folder = new TemporaryFolder();
        BpeTraining.Train(["ab", "ab"], 258, [], folder.Path, TokenizerFamily.Gpt2);
        return folder;
    }

    private static void Change(TemporaryFolder folder, Action<JsonNode> change)
    {
        var json = JsonNode.Parse(File.ReadAllText(folder.File("tokenizer.json")))!;
        change(json);
        File.WriteAllText(folder.File("tokenizer.json"), json.ToJsonString());
    }
}
