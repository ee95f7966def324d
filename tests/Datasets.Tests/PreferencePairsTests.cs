using Rudder.Inference.V1;
using Rudder.Preference.V1;

namespace Rudder.Datasets.Tests;

/// <summary>Preference pairs as JSON lines: written, read back, refused when unsound.</summary>
public class PreferencePairsTests
{
    [Theory]
    [InlineData("pairs.jsonl")]
    [InlineData("pairs.jsonl.gz")]
    public void Write_Pairs_ReadsBackEqual(string name)
    {
        using var folder = new TemporaryFolder();
        PreferencePair[] pairs = [Pair("a", 0), Pair("b", 4_294_967_295)];

        PreferencePairs.Write(folder.File("new/" + name), pairs);

        Assert.Equal(pairs, PreferencePairs.Read(folder.File("new/" + name)));
        Assert.Single(Directory.GetFileSystemEntries(folder.File("new")));
    }

    [Fact]
    public void Format_Pair_KeepsTheProtosNames()
    {
        string line = PreferencePairs.Format(Pair("a", 4_294_967_295));

        Assert.All(
            ["\"prompt_id\": \"a\"", "\"prompt_ids\": [ 1, 2 ]", "\"sample_index\": 0", "\"sum_log_prob\": -3.25", "\"policy_fingerprint\": \"f\"", "4294967295"],
            part => Assert.Contains(part, line, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', line);
    }

    [Fact]
    public void Format_Pair_HoldsTheTextsAsStringsForOtherPrograms()
    {
        var row = System.Text.Json.JsonDocument.Parse(PreferencePairs.Format(Pair("a", 1))).RootElement;

        Assert.Equal(
            ("This \"film\" é\u2028", " was\ngood", " was bad"),
            (row.GetProperty("prompt").GetString(), row.GetProperty("chosen").GetString(), row.GetProperty("rejected").GetString()));
        Assert.False(row.GetProperty("chosen_sample").TryGetProperty("text", out _));
    }

    [Fact]
    public void Read_OlderFile_GivesTheSamePair()
    {
        using var folder = new TemporaryFolder();
        string older = PreferencePairs.Format(Pair("a", 7))
            .Replace("\"chosen\": \" was\\ngood\", \"rejected\": \" was bad\", ", string.Empty, StringComparison.Ordinal)
            .Replace("\"chosen_sample\": {", "\"chosen\": { \"text\": \" was\\ngood\",", StringComparison.Ordinal)
            .Replace("\"rejected_sample\": {", "\"rejected\": { \"text\": \" was bad\",", StringComparison.Ordinal);
        Assert.DoesNotContain("_sample\":", older, StringComparison.Ordinal);

        Assert.Equal(Pair("a", 7), Assert.Single(PreferencePairs.Read(folder.Write("pairs.jsonl", older))));
    }

    [Fact]
    public void Read_Texts_GivesThemAsTheyAre()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("pairs.jsonl", """{"prompt": " a\n", "chosen": "\tb\u2028", "rejected": "c ", "score": 7}""");

        (string place, PreferencePair pair) = Assert.Single(PreferencePairs.ReadPlaced(path));

        Assert.Equal((path + ":1", " a\n", "\tb\u2028", "c ", false), (place, pair.Prompt, pair.Chosen, pair.Rejected, PreferencePairs.HasIds(pair)));
    }

    [Theory]
    [InlineData("the film was good", "the film was bad", "the film was", " good", " bad")] // the blank goes to the completions
    [InlineData("goods", "gone", "go", "ods", "ne")]
    [InlineData("a", "b", "", "a", "b")]
    [InlineData("x\ud83d\ude00", "x\ud83d\ude01", "x", "\ud83d\ude00", "\ud83d\ude01")] // one surrogate pair stays whole
    [InlineData("\n\nHuman: a\n\nAssistant: both one", "\n\nHuman: a\n\nAssistant: both two", "\n\nHuman: a\n\nAssistant:", " both one", " both two")]
    public void Read_TextsWithoutPrompt_TakesTheirCommonStart(string chosen, string rejected, string prompt, string chosenRest, string rejectedRest)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("pairs.jsonl", System.Text.Json.JsonSerializer.Serialize(new { chosen, rejected, prompt = (string?)null }));

        PreferencePair pair = Assert.Single(PreferencePairs.Read(path));

        Assert.Equal((prompt, chosenRest, rejectedRest), (pair.Prompt, pair.Chosen, pair.Rejected));
    }

    [Fact]
    public void Read_NamedColumns_AreReadInPlaceOfTheUsualOnes()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("pairs.jsonl", """
            {"question": "q", "better": " b", "worse": " w", "prompt": "other"}
            {"better": "b", "worse": "w"}
            """);
        List<DatasetException> bad = [];
        RowSettings settings = new() { Columns = new Dictionary<string, string> { ["prompt"] = "question", ["chosen"] = "better", ["rejected"] = "worse" }, Skip = bad.Add };

        PreferencePair pair = Assert.Single(PreferencePairs.Read(path, settings));

        Assert.Equal(("q", " b", " w"), (pair.Prompt, pair.Chosen, pair.Rejected));
        Assert.Contains("key 'question' is missing", Assert.Single(bad).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OwnRowsWithMoreColumnsAndAMapping_KeepTheirIds()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("pairs.jsonl");
        PreferencePairs.Write(path, [Pair("a", 1)]);
        File.WriteAllText(path, File.ReadAllText(path).TrimEnd()[..^1] + ", \"annotator\": \"x\"}\n");

        PreferencePair pair = Assert.Single(PreferencePairs.Read(path, new RowSettings { Columns = new Dictionary<string, string> { ["prompt"] = "prompt" } }));

        Assert.Equal(Pair("a", 1), pair);
    }

    [Fact]
    public void Read_EmptyCellOfThePrompt_IsAMissingPrompt()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("pairs.csv", "prompt,chosen,rejected\n,the film was good,the film was bad\n");
        PreferencePair pair = Assert.Single(PreferencePairs.Read(path));
        Assert.Equal(("the film was", " good", " bad"), (pair.Prompt, pair.Chosen, pair.Rejected));
    }

    [Fact]
    public void Write_PairsThatFailHalfway_KeepsTheOlderFile()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("pairs.jsonl");
        PreferencePairs.Write(path, [Pair("a", 1)]);

        Assert.Throws<InvalidOperationException>(() => PreferencePairs.Write(path, Failing()));

        Assert.Equal("a", Assert.Single(PreferencePairs.Read(path)).PromptId);
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("""{"prompt_id": "a", "prompt": "x", "chosen": {"text": "b", "sample_index": 0}}""", "key 'rejected' and the ids of 'rejected_sample'")]
    [InlineData("""{"prompt_id": "a", "prompt": "x", "chosen": {"text": "b", "sample_index": 0}, "rejected": {"score": 1, "sample_index": 1}}""", "key 'rejected' and the ids")]
    [InlineData("""{"prompt_id": "a", "chosen": {"text": "b", "sample_index": 0}, "rejected": {"text": "c", "sample_index": 1}}""", "key 'prompt' and 'prompt_ids'")]
    [InlineData("""{"prompt": "x", "chosen": {"text": "b", "score": "NaN", "sample_index": 0}, "rejected": {"text": "c"}}""", "key 'chosen_sample' has score NaN")]
    [InlineData("""{"prompt": "x", "chosen": {"text": "b"}, "rejected": {"text": "c", "sample_index": 1}}""", "key 'chosen_sample' has no 'sample_index'")]
    [InlineData("""{"prompt_ids": [1], "chosen_sample": {"ids": [1], "sample_index": 0}, "rejected_sample": {"ids": [3]}}""", "key 'rejected_sample' has no 'sample_index'")]
    [InlineData("""{"prompt_ids": [1], "promt": "x"}""", "found prompt_ids (list), promt (string)")]
    [InlineData("""{"prompt_ids": "x"}""", "found prompt_ids (string)")]
    [InlineData("""{"promt": "x"}""", "key 'chosen' is missing; a string belongs there. Expected {\"prompt\", \"chosen\", \"rejected\"}")]
    [InlineData("""{"prompt": "x", "chosen": "y"}""", "found prompt (string), chosen (string)")]
    [InlineData("""{"prompt": "x", "chosen": [], "rejected": "y", "ok": true}""", "key 'chosen' is []; a string belongs there")]
    [InlineData("""{"prompt": "x", "chosen": [{"role": "assistant", "content": "a"}], "rejected": []}""", "needs a chat template")]
    [InlineData("""{"prompt": [{"role": "user", "content": "a"}], "chosen": "y", "rejected": "z"}""", "key 'prompt' is a list of messages")]
    [InlineData("""{"prompt": "x", "chosen": 1, "rejected": "y"}""", "key 'chosen' is 1; a string belongs there")]
    [InlineData("""{"prompt": "x", "chosen": "", "rejected": "y"}""", "key 'chosen' is empty")]
    [InlineData("""{"prompt": "x", "chosen": "y", "rejected": "y"}""", "key 'rejected' is the same text as 'chosen'")]
    [InlineData("""{"chosen": "the same start", "rejected": "the same"}""", "key 'rejected' adds no completion")]
    [InlineData("""{"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: c\n\nAssistant: b"}""", "key 'rejected' differs from 'chosen' before the last")]
    [InlineData("""{"prompt": """, "not valid JSON")]
    [InlineData("7", "is not a JSON object")]
    public void Read_UnsoundLine_NamesFileAndLine(string line, string part)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("pairs.jsonl", PreferencePairs.Format(Pair("a", 1)) + "\n" + line + "\n");

        var error = Assert.Throws<DatasetException>(() => PreferencePairs.Read(path).ToList());

        Assert.Contains($"{path}:2: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<PreferencePair> Failing()
    {
        yield return Pair("x", 1);
        throw new InvalidOperationException();
    }

    private static PreferencePair Pair(string id, uint seed) => new()
    {
        PromptId = id,
        Prompt = "This \"film\" é\u2028",
        PromptIds = { 1, 2 },
        Chosen = " was\ngood",
        Rejected = " was bad",
        ChosenSample = new Scored { SampleIndex = 0, Ids = { 5, 6 }, Score = 0.9, SumLogProb = -3.25 },
        RejectedSample = new Scored { SampleIndex = 3, Ids = { 7 }, Score = 0.1, SumLogProb = -1.5 },
        Settings = new SamplerSettings { Temperature = 0.7f, Seed = seed },
        PolicyFingerprint = "f",
        ClassifierFingerprint = "c",
    };
}
