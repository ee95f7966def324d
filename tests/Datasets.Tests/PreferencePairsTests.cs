using Rudder.Inference.V1;
using Rudder.Preference.V1;

namespace Rudder.Datasets.Tests;

/// <summary>Preference pairs as JSON lines: out and in, appended, cut after a kill, refused when unsound.</summary>
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

    [Fact]
    public void Append_PairsThatFailHalfway_AddsNothing()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("pairs.jsonl");
        PreferencePairs.Append(path, [Pair("a", 1)]);

        Assert.Throws<InvalidOperationException>(() => PreferencePairs.Append(path, Failing()));

        Assert.Single(PreferencePairs.Read(path));
    }

    [Fact]
    public void Append_AfterAKillInALine_NeedsTheCut()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("pairs.jsonl");
        PreferencePairs.Append(path, [Pair("a", 1)]);
        PreferencePairs.Append(path, [Pair("b", 2)]);
        byte[] bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, bytes[..^20]);

        var error = Assert.Throws<DatasetException>(() => PreferencePairs.Append(path, [Pair("c", 3)]));
        long cut = PreferencePairs.CutPartialLine(path);
        PreferencePairs.Append(path, [Pair("c", 3)]);

        Assert.Contains($"{path}: its last line is not whole", error.Message, StringComparison.Ordinal);
        Assert.True(cut > 0);
        Assert.Equal(["a", "c"], PreferencePairs.Read(path).Select(p => p.PromptId));
        Assert.Equal(0, PreferencePairs.CutPartialLine(path));
    }

    [Fact]
    public void CutPartialLine_OneLineWithoutEnd_EmptiesTheFile()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("pairs.jsonl", "{\"prompt");

        Assert.Equal(8, PreferencePairs.CutPartialLine(path));
        Assert.Equal(0, new FileInfo(path).Length);
        Assert.Equal(0, PreferencePairs.CutPartialLine(folder.File("absent.jsonl")));
    }

    [Fact]
    public void Append_PackedFile_IsRefused()
    {
        var error = Assert.Throws<DatasetException>(() => PreferencePairs.Append("pairs.jsonl.gz", []));

        Assert.Contains("packed", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"prompt_id": "a", "prompt": "x", "chosen": {"text": "b"}}""", "field 'rejected' is missing")]
    [InlineData("""{"prompt_id": "a", "prompt": "x", "chosen": {"text": "b"}, "rejected": {"score": 1}}""", "field 'rejected' has neither ids nor text")]
    [InlineData("""{"prompt_id": "a", "chosen": {"text": "b"}, "rejected": {"text": "c"}}""", "neither prompt nor prompt_ids")]
    [InlineData("""{"prompt": "x", "chosen": {"text": "b", "score": "NaN"}, "rejected": {"text": "c"}}""", "field 'chosen' has score NaN")]
    [InlineData("""{"promt": "x"}""", "promt")]
    [InlineData("""{"prompt": """, "no preference.v1.PreferencePair")]
    [InlineData("""{"prompt_ids": "x"}""", "no preference.v1.PreferencePair")]
    [InlineData("7", "no preference.v1.PreferencePair")]
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
