using Rudder.Tests;

namespace Rudder.Datasets.Tests;

/// <summary>Counterfactual pairs: cleaned as wholes, cut where they part.</summary>
public class CounterfactualPairsTests
{
    [Theory]
    [InlineData("I'm annoyed by how", " good it is.<br />Good", " bad it is.", "I'm annoyed by how", " good it is. Good", " bad it is.")]
    [InlineData("A film.<br /><br", " />Great fun", " />Poor fun", "A film.", " Great fun", " Poor fun")] // the tag straddles the cut
    [InlineData("", "Great fun", "Poor fun", "", "Great fun", "Poor fun")]
    [InlineData("It is", " good", " good no", "It is", " good", " good no")] // one begins the other: each keeps a word
    public void Read_Row_PartsWhereTheTextsPart(string prompt, string chosen, string rejected, string expectedPrompt, string positive, string negative)
    {
        using var folder = new TemporaryFolder();
        string row = System.Text.Json.JsonSerializer.Serialize(new { prompt, chosen, rejected, id = "dev/1", source = new[] { "train/neg/1_1" } });

        var pair = Assert.Single(CounterfactualPairs.Read(folder.Write("pairs.jsonl", row + "\n")));

        Assert.Equal(("dev/1", expectedPrompt, positive, negative), (pair.Id, pair.Prompt, pair.Chosen, pair.Rejected));
        Assert.Equal(["train/neg/1_1"], pair.Source);
    }

    [Theory]
    [InlineData("""{"prompt": "a", "chosen": " b"}""", "key 'rejected' is missing")]
    [InlineData("""{"prompt": "a", "chosen": " b", "rejected": " b"}""", "key 'chosen' and 'rejected' are the same text")]
    [InlineData("""{"prompt": "a", "chosen": " b", "rejected": " c", "source": [null]}""", "a list of ids")]
    public void Read_MalformedRow_NamesFileAndLine(string row, string part)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("pairs.jsonl", row + "\n");

        var error = Assert.Throws<DatasetException>(() => CounterfactualPairs.Read(path).ToList());

        Assert.Contains($"{path}:1: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("imdb-pairs.train.jsonl.gz", 1587)]
    [InlineData("imdb-pairs.dev.jsonl.gz", 231)]
    [InlineData("imdb-pairs.test.jsonl.gz", 461)]
    [InlineData("imdb-pairs.empty-prompt.jsonl.gz", 155)]
    public void Read_PublishedFile_HasItsRows(string name, int rows)
    {
        var pairs = CounterfactualPairs.Read(SharedFolder.Require("data", name)).ToList();

        Assert.Equal(rows, pairs.Count);
        Assert.All(pairs, pair => Assert.NotEqual(pair.Chosen, pair.Rejected));
    }
}
