using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Datasets;
using Rudder.Inference.V1;
using Rudder.Preference.V1;

namespace Rudder.Client.Tests.Pairs;

/// <summary>Pairs of texts as preference pairs; in the fake a token is a byte.</summary>
public sealed class TextPairsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData(0)]
    public async Task Write_Texts_GivesTheIdsOfEachPartAndTheEndWhereTheModelHasOne(int? end)
    {
        string file = _folder.Write("p.jsonl", """{"prompt":"It is","chosen":" good","rejected":" bad","id":"a/1"}""" + "\n");
        PreferencePair pair = Assert.Single(await WriteAsync(new PairTexts([file]), end));
        Assert.Equal(("a/1", "It is", " good", " bad"), (pair.PromptId, pair.Prompt, pair.Chosen, pair.Rejected));
        Assert.Equal(FakeModels.Encode("It is"), pair.PromptIds);
        Assert.Equal([.. FakeModels.Encode(" good"), .. end is { } id ? [id] : Array.Empty<int>()], pair.ChosenSample.Ids);
        Assert.Equal([.. FakeModels.Encode(" bad"), .. end is { } id2 ? [id2] : Array.Empty<int>()], pair.RejectedSample.Ids);
        Assert.Equal((0, 1), (pair.ChosenSample.SampleIndex, pair.RejectedSample.SampleIndex));
        Assert.True(pair.ChosenSample.Score > pair.RejectedSample.Score);
    }

    [Fact]
    public async Task Write_Dialogues_SkipsAndTakesUsablePairsOverFiles()
    {
        const string Opening = "\\n\\nHuman: Hi\\n\\nAssistant:";
        string one = _folder.Write(
            "one.jsonl",
            $$"""
            {"chosen":"{{Opening}} a","rejected":"{{Opening}} b"}
            {"chosen":"{{Opening}} c","rejected":"{{Opening}}"}
            {"chosen":"{{Opening}} d","rejected":"{{Opening}} e"}

            """);
        string two = _folder.Write("two.jsonl", $$"""{"chosen":"{{Opening}} f","rejected":"{{Opening}} g"}""");
        IReadOnlyList<PreferencePair> pairs = await WriteAsync(new PairTexts([one, two], PairTextFormat.Dialogues, Skip: 1, Take: 2), null);
        Assert.Equal([("one.jsonl:3", " d"), ("two.jsonl:1", " f")], pairs.Select(pair => (pair.PromptId, pair.Chosen)));
    }

    [Theory]
    [InlineData(1, 1, "give 0 pairs after the first 1")]
    [InlineData(0, 2, "give 1 pairs after the first 0; 2 are wanted")]
    [InlineData(-1, 0, "negative")]
    public void Read_FewerPairsThanWanted_IsBadInput(int skip, int take, string said)
    {
        string file = _folder.Write("p.jsonl", """{"prompt":"It is","chosen":" good","rejected":" bad"}""" + "\n");
        BadInputException error = Assert.Throws<BadInputException>(() => new PairTexts([file], Skip: skip, Take: take).Read());
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFile_IsNamed() =>
        Assert.Contains("nowhere.jsonl does not exist", Assert.Throws<BadInputException>(() => new PairTexts(["nowhere.jsonl"]).Read()).Message, StringComparison.Ordinal);

    private async Task<IReadOnlyList<PreferencePair>> WriteAsync(PairTexts texts, int? end)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        ModelInfo policy = FakeModels.List[0].Clone();
        if (end is { } id)
        {
            policy.EosId = id;
        }

        server.Held = [policy];
        using InferenceClient client = server.Client();
        int written = await TextPairs.WriteAsync(client, FakeModels.Policy, texts, _folder.File("out.jsonl"), CancellationToken.None);
        List<PreferencePair> pairs = [.. PreferencePairs.Read(_folder.File("out.jsonl"))];
        Assert.Equal(written, pairs.Count);
        return pairs;
    }
}
