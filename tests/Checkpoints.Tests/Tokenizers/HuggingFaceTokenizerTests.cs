using System.Text;
using System.Text.Json;
using Rudder.Tests;

namespace Rudder.Checkpoints.Tests;

/// <summary>Tokenizers that only Hugging Face's library reads: the ids and texts that the fixtures say, and Hugging Face's own decoding.</summary>
public class HuggingFaceTokenizerTests
{
    [Theory]
    [InlineData("mini-bos")]
    [InlineData("mini-chatml")]
    public void Encode_FixtureTexts_EqualsHuggingFace(string name) => RequireFixture(name, SharedFolder.Require("fixtures", "chat", name));

    // The folders of four npm packages (33 MB the largest), whose vocabularies are not ours to keep.
    [Theory(Explicit = true)]
    [Trait("Soak", "tokenizer")]
    [InlineData("qwen3")]
    [InlineData("llama3_1")]
    [InlineData("gemma3")]
    [InlineData("deepseek_v3")]
    public void Encode_FixtureTextsWithPublishedTokenizer_EqualsHuggingFace(string name) => RequireFixture(name, Published(name));

    [Theory]
    [InlineData("mini-bos", "model.ignore_merges is 'true'")]
    [InlineData("mini-chatml", "normalizer is 'NFC'")]
    public void Library_OfAFolder_SaysWhichAndWhy(string name, string why) => Assert.Equal($"Tokenizers.DotNet: {why}", Require(name).Library);

    [Theory]
    [InlineData("mini-bos")]
    [InlineData("mini-chatml")]
    public void Decode_RandomIds_EqualsHuggingFaceAndThePiecesOfAStream(string name)
    {
        RequireSameDecoding(Require(name), SharedFolder.Require("fixtures", "chat", name));
    }

    [Theory]
    [InlineData("mini-bos")]
    [InlineData("mini-chatml")]
    public void Decode_EncodedReviews_GivesThemBack(string name) => RequireRoundTrips(name, 2_000);

    [Theory(Explicit = true)]
    [Trait("Soak", "tokenizer")]
    [InlineData("mini-bos")]
    [InlineData("mini-chatml")]
    public void Decode_TenThousandEncodedReviews_GivesThemBack(string name) => RequireRoundTrips(name, 10_000);

    private static void RequireRoundTrips(string name, int reviews)
    {
        var tokenizer = Require(name);
        int compared = 0;
        foreach (string text in GenAiTokenizerTests.Reviews("imdb.train.jsonl.gz").Take(reviews))
        {
            Assert.Equal(name == "mini-chatml" ? text.Normalize() : text, tokenizer.Decode(tokenizer.Encode(text)));
            compared++;
        }

        Assert.Equal(reviews, compared);
    }

    private static TextTokenizer Require(string name) => TextTokenizer.Load(SharedFolder.Require("fixtures", "chat", name))!;

    private static void RequireSameDecoding(TextTokenizer ours, string folder)
    {
        using var genuine = new global::Tokenizers.DotNet.Tokenizer(Path.Combine(folder, ModelFiles.TokenizerJson));
        var random = new Random(11);
        for (int round = 0; round < 500; round++)
        {
            int[] ids = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.Next(ours.VocabularySize))];
            Assert.Equal(genuine.Decode([.. ids.Select(id => (uint)id)]), ours.Decode(ids));
        }
    }

    private static string Published(string name)
    {
        string folder = Path.Combine(Environment.GetEnvironmentVariable("RUDDER_TOKENIZERS") ?? "", $"tokenizer-{name}", "models");
        Assert.SkipUnless(File.Exists(Path.Combine(folder, ModelFiles.TokenizerJson)), $"RUDDER_TOKENIZERS names no folder with tokenizer-{name}.");
        return folder;
    }

    private static void RequireFixture(string name, string folder)
    {
        var tokenizer = TextTokenizer.Load(folder)!;
        using var fixture = JsonDocument.Parse(File.ReadAllBytes(SharedFolder.Require("fixtures", "chat", $"{name}.json")));
        int compared = 0;
        foreach (var row in fixture.RootElement.GetProperty("plain").EnumerateArray())
        {
            string text = row.GetProperty("text").GetString()!;
            int[] ids = Ids(row, "ids");
            Assert.Equal(ids, tokenizer.Encode(text));
            if (name != "deepseek_v3")                       // its fixture does not know that the class adds BOS
            {
                Assert.Equal(row.TryGetProperty("ids_with_special_tokens", out _) ? Ids(row, "ids_with_special_tokens") : ids, tokenizer.WithSpecialTokens(ids));
            }

            Assert.Equal(row.TryGetProperty("decoded", out var decoded) ? decoded.GetString() : text, WithNames(tokenizer, ids));
            compared++;
        }

        foreach (var row in fixture.RootElement.GetProperty("chats").EnumerateArray().Where(row => row.TryGetProperty("ids", out _)))
        {
            Assert.Equal(Ids(row, "ids"), tokenizer.Encode(row.GetProperty("rendered").GetString()!));
            compared++;
        }

        Assert.True(compared >= 48 + 22, $"only {compared} rows");
    }

    // The fixtures' texts keep special tokens.
    private static string WithNames(TextTokenizer tokenizer, int[] ids)
    {
        var names = tokenizer.SpecialTokens.ToDictionary(token => token.Value, token => token.Key);
        var text = new StringBuilder();
        for (int from = 0; from < ids.Length;)
        {
            int to = Array.FindIndex(ids, from, names.ContainsKey) is var at and >= 0 ? at : ids.Length;
            text.Append(tokenizer.Decode(ids[from..to], continues: from > 0)).Append(to < ids.Length ? names[ids[to]] : "");
            from = to + 1;
        }

        return text.ToString();
    }

    private static int[] Ids(JsonElement row, string key) => [.. row.GetProperty(key).EnumerateArray().Select(id => id.GetInt32())];
}
