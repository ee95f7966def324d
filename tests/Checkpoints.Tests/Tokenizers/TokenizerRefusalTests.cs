using System.Text.Json.Nodes;

namespace Rudder.Checkpoints.Tests;

/// <summary>Tokenizer files that are unsound, too large or not understood are refused by name.</summary>
public class TokenizerRefusalTests
{
    [Theory]
    [InlineData("model/type", "\"Unigram\"", "Hugging Face's tokenizer library refuses it")]
    [InlineData("model/type", "\"Strange\"", "Hugging Face's tokenizer library refuses it")]
    [InlineData("normalizer", """{"type":"Strange"}""", "Hugging Face's tokenizer library refuses it")]
    [InlineData("post_processor", """{"type":"Strange"}""", "post_processor {\"type\":\"Strange\"}")]
    [InlineData("model/dropout", "0.1", "model.dropout is '0.1'")]
    [InlineData("model/merges", "[\"a b c\"]", "a b c")]
    [InlineData("model/merges", "[\"a xyz\"]", "'xyz'")]
    [InlineData("model/merges", "[7]", "merge 0 is 7")]
    [InlineData("model/vocab", "{}", "vocabulary is missing or empty")]
    [InlineData("model/vocab", """{"a":1,"b":1}""", "'a' and 'b' both have id 1")]
    [InlineData("model/vocab", """{"a":-1}""", "'a' has id -1")]
    [InlineData("model/vocab", """{"a":2000000000}""", "'a' has id 2000000000")]
    [InlineData("added_tokens", """[{"id":5,"content":"ab"}]""", "'ab' has id 5, but 256")]
    [InlineData("added_tokens", """[{"id":900,"content":"xx","single_word":true}]""", "'xx' has id 900, but Hugging Face's tokenizer library gives 258")]
    [InlineData("added_tokens", """[{"id":900,"content":"xx"},{"id":901,"content":"xx"}]""", "'xx' is there 2 times")]
    [InlineData("added_tokens", """[{"id":900}]""", "needs a content")]
    [InlineData("added_tokens", """[{"id":900,"content":"\u001b[31mred"},{"id":900,"content":"yy"}]""", "'\uFFFD[31mred'")]
    public void Load_UnsupportedOrUnsoundPart_IsRefusedByName(string key, string value, string part)
    {
        using var folder = TinyTokenizer.Write();
        TinyTokenizer.Change(folder, json =>
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
        using var folder = TinyTokenizer.Write();
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
        using var folder = TinyTokenizer.Write();
        TinyTokenizer.Change(folder, json => json["added_tokens"]![0]!["content"] = new string('x', 1025));

        Assert.Contains("1 to 1024", Assert.Throws<CheckpointException>(() => TextTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AddedTokensOfTooManyCharacters_AreRefused()
    {
        using var folder = TinyTokenizer.Write();
        TinyTokenizer.Change(folder, json =>
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
}
