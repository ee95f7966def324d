using System.Text.Json;
using Rudder.Datasets;
using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public class ReviewSelectionTests
{
    [Fact]
    public void Read_PairsTextsAndIds_AreLeftOut()
    {
        using var folder = new TemporaryFolder();
        string reviews = Lines(folder, "reviews.jsonl", ("train/1", "Source of a pair."), ("train/2", "Seen: in the<br />test!"), ("train/3", "listed"),
            ("train/4", "Good film, a rewrite."), ("train/5", "kept"));
        string test = Lines(folder, "test.jsonl", ("test/1", "seen in the test"));
        string ids = folder.File("ids.txt");
        File.WriteAllText(ids, "train/3\n");
        string pairs = folder.File("pairs.jsonl");
        File.WriteAllText(pairs, JsonSerializer.Serialize(
            new { id = "p", prompt = "Good film,", chosen = " a rewrite.", rejected = " not good.", source = new[] { "train/1" } }) + "\n");
        var selection = new ReviewSelection([pairs], [test], ids);
        Assert.Equal("train/5", Assert.Single(selection.Read([reviews], 0, cleanHtml: false, labels: false)).Id);
        Assert.Equal(4, selection.LeftOut);
    }

    [Fact]
    public void Split_TenOfHundred_TakesEveryTenth()
    {
        List<Review> reviews = [.. Enumerable.Range(0, 100).Select(i => new Review($"r{i}", "x", null))];
        (IReadOnlyList<Review> training, IReadOnlyList<Review> held) = ReviewSelection.Split(reviews, 10);
        Assert.Equal(90, training.Count);
        Assert.Equal(["r0", "r10", "r20"], held.Take(3).Select(r => r.Id));
        Assert.Empty(training.Intersect(held));
    }

    private static string Lines(TemporaryFolder folder, string name, params (string Id, string Text)[] rows)
    {
        File.WriteAllLines(folder.File(name), rows.Select(r => JsonSerializer.Serialize(new { id = r.Id, text = r.Text })));
        return folder.File(name);
    }
}
