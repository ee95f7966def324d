using Rudder.Tests;

namespace Rudder.Datasets.Tests;

/// <summary>Pairs of dialogues: cut at the last answer; lines without two answers to one dialogue give none.</summary>
public class DialoguePairsTests
{
    private const string Opening = "\n\nHuman: Hello\n\nAssistant: Hi\n\nHuman: And?\n\nAssistant:";

    [Fact]
    public void Read_TwoAnswersToOneDialogue_CutsAtTheLastAnswer()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("d.jsonl", Row(Opening + " Yes", Opening + " No"));

        DialoguePair pair = Assert.Single(DialoguePairs.Read(path))!;

        Assert.Equal(("d.jsonl:1", Opening, " Yes", " No"), (pair.Id, pair.Prompt, pair.Chosen, pair.Rejected));
    }

    [Theory]
    [InlineData(Opening + " Yes", "\n\nHuman: Other\n\nAssistant: No")] // differ before the last answer
    [InlineData(Opening + " Yes", Opening)]
    [InlineData(Opening + " ", Opening + " No")]
    [InlineData(Opening + " Yes", Opening + " Yes")]
    [InlineData("Yes", "No")]
    public void Read_LineThatCannotBeUsed_GivesNoPair(string chosen, string rejected)
    {
        using var folder = new TemporaryFolder();

        Assert.Null(Assert.Single(DialoguePairs.Read(folder.Write("d.jsonl", Row(chosen, rejected)))));
    }

    [Fact]
    public void Read_MissingAnswer_NamesFileAndLine()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("d.jsonl", Row(Opening + " Yes", Opening + " No") + "{\"chosen\":\"a\"}\n");

        var error = Assert.Throws<DatasetException>(() => DialoguePairs.Read(path).ToList());

        Assert.Contains($"{path}:2: key 'rejected' is missing", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("helpful-base.test.jsonl.gz", 2352, 2339)]
    [InlineData("harmless-base.test.jsonl.gz", 2312, 2303)]
    public void Read_PublishedTestFiles_HaveTheirKnownNumbers(string file, int lines, int usable)
    {
        string path = Path.Combine(SharedFolder.Root, "..", "shared", "data", "hh-rlhf", file);
        Assert.SkipUnless(File.Exists(path), $"{path} is missing");

        List<DialoguePair?> pairs = [.. DialoguePairs.Read(path)];

        Assert.Equal((lines, usable), (pairs.Count, pairs.OfType<DialoguePair>().Count()));
    }

    private static string Row(string chosen, string rejected) => System.Text.Json.JsonSerializer.Serialize(new { chosen, rejected }) + "\n";
}
