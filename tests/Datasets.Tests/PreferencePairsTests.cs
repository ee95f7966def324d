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
    [InlineData("""{"prompt_id": "a", "prompt": "x", "chosen": {"text": "b", "sample_index": 0}}""", "field 'rejected' is missing")]
    [InlineData("""{"prompt_id": "a", "prompt": "x", "chosen": {"text": "b", "sample_index": 0}, "rejected": {"score": 1}}""", "field 'rejected' has neither ids nor text")]
    [InlineData("""{"prompt_id": "a", "chosen": {"text": "b"}, "rejected": {"text": "c"}}""", "fields 'prompt_ids' and 'prompt'")]
    [InlineData("""{"prompt": "x", "chosen": {"text": "b", "score": "NaN", "sample_index": 0}, "rejected": {"text": "c"}}""", "field 'chosen' has score NaN")]
    [InlineData("""{"prompt": "x", "chosen": {"text": "b"}, "rejected": {"text": "c", "sample_index": 1}}""", "field 'chosen.sample_index' is missing")]
    [InlineData("""{"prompt": "x", "chosen": {"text": "b", "sample_index": 0}, "rejected": {"ids": [3]}}""", "field 'rejected.sample_index' is missing")]
    [InlineData("""{"promt": "x"}""", "found promt (string)")]
    [InlineData("""{"prompt": "x", "chosen": "y", "rejected": "z"}""", "found prompt (string), chosen (string), rejected (string)")]
    [InlineData("""{"prompt": "x", "chosen": [], "n": 1, "ok": true}""", "prompt_ids (list), chosen (object), rejected (object)")]
    [InlineData("""{"prompt": """, "found no valid JSON object")]
    [InlineData("""{"prompt_ids": "x"}""", "found prompt_ids (string)")]
    [InlineData("7", "found a JSON number")]
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
        Chosen = new Scored { SampleIndex = 0, Ids = { 5, 6 }, Text = " was\ngood", Score = 0.9, SumLogProb = -3.25 },
        Rejected = new Scored { SampleIndex = 3, Ids = { 7 }, Text = " was bad", Score = 0.1, SumLogProb = -1.5 },
        Settings = new SamplerSettings { Temperature = 0.7f, Seed = seed },
        PolicyFingerprint = "f",
        ClassifierFingerprint = "c",
    };
}
