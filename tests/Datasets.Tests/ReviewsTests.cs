using Rudder.Tests;

namespace Rudder.Datasets.Tests;

/// <summary>Reviews from JSON Lines, and every way in which a file can be wrong.</summary>
public class ReviewsTests
{
    [Theory]
    [InlineData("reviews.jsonl")]
    [InlineData("reviews.jsonl.gz")]
    public void Read_RowsOfEachKind_GivesCleanedReviews(string name)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, """
            {"text": "Good.<br />Very", "label": 1, "id": "train/pos/1_9"}

            {"id": "u", "text": "caf\u00e9", "label": null, "stars": 4}
            {"text": "no id", "label": 0}
            {"text": "numeric id", "label": 0, "id": 0}

            """);

        Assert.Equal(
            [
                new Review("train/pos/1_9", "Good. Very", 1), new Review("u", "café", null), new Review($"{name}:4", "no id", 0),
                new Review("0", "numeric id", 0),
            ],
            Reviews.Read(path, cleanHtml: true, labels: true));
    }

    [Fact]
    public void Read_ByDefault_KeepsEveryCharacterAndIgnoresLabels()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("reviews.jsonl", """
            {"text": "a\nb"}
            {"text": "c\n\n\td<br />", "label": -1}
            {"text": " ", "label": "positive"}
            """);

        Assert.Equal(["a\nb", "c\n\n\td<br />", " "], Reviews.Read(path).Select(review => review.Text));
        Assert.All(Reviews.Read(path), review => Assert.Null(review.Label));
    }

    [Theory]
    [InlineData("""{"id": "a"}""", ":2: key 'text' is missing")]
    [InlineData("""{"text": 7}""", ":2: key 'text' is 7; a string")]
    [InlineData("""{"text": ""}""", ":2: key 'text' is empty")]
    [InlineData("""{"text": "a", "id": true}""", ":2: key 'id' is true; a string")]
    [InlineData("""{"text": "a", "label": "positive"}""", ":2: key 'label' is \"positive\"; an integer")]
    [InlineData("""{"text": "a", "label": 0.5}""", ":2: key 'label' is 0.5; an integer")]
    [InlineData("""{"text": "a", "label": -1}""", ":2: key 'label' is -1; classes count from 0")]
    [InlineData("""{"text": "a\ud83d"}""", ":2: key 'text' holds half a surrogate pair")]
    [InlineData("""{"text": "a" """, ":2: not valid JSON")]
    [InlineData("""["text"]""", ":2: is not a JSON object")]
    [InlineData("text", ":2: not valid JSON")]
    public void Read_MalformedRow_NamesFileAndLine(string row, string part)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("reviews.jsonl", "{\"text\": \"fine\"}\n" + row + "\n{\"text\": \"fine\"}\n");

        using var reviews = Reviews.Read(path, labels: true).GetEnumerator();

        Assert.True(reviews.MoveNext());
        var error = Assert.Throws<DatasetException>(() => reviews.MoveNext());
        Assert.Contains(path + part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_CleanedToNothing_NamesFileAndLine()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("reviews.jsonl", """{"text": "<br />"}""");

        var error = Assert.Throws<DatasetException>(() => Reviews.Read(path, cleanHtml: true).ToList());

        Assert.Contains($"{path}:1: key 'text' holds only", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_GzipOfTwoMembers_ReadsBoth()
    {
        using var folder = new TemporaryFolder();
        string first = folder.Write("a.jsonl.gz", "{\"text\": \"one\"}\n"), second = folder.Write("b.jsonl.gz", "{\"text\": \"two\"}\n");
        string joined = folder.File("joined.jsonl.gz");
        File.WriteAllBytes(joined, [.. File.ReadAllBytes(first), .. File.ReadAllBytes(second)]); // as cat a.gz b.gz

        Assert.Equal(["one", "two"], Reviews.Read(joined).Select(review => review.Text));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]  // inside the second member's trailer or data
    [InlineData(20)]
    public void Read_SecondMemberTruncated_NamesTheFile(int missing)
    {
        using var folder = new TemporaryFolder();
        string first = folder.Write("a.jsonl.gz", "{\"text\": \"one\"}\n"), second = folder.Write("b.jsonl.gz", "{\"text\": \"two\"}\n");
        string joined = folder.File("joined.jsonl.gz");
        File.WriteAllBytes(joined, [.. File.ReadAllBytes(first), .. File.ReadAllBytes(second)[..^missing]]);

        var error = Assert.Throws<DatasetException>(() => Reviews.Read(joined).ToList());

        Assert.Contains("damaged or truncated", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]  // the magic number
    [InlineData(1)]
    [InlineData(2)]  // the method
    [InlineData(3)]  // flags: a reserved one
    public void Read_HeaderOfALaterMemberDamaged_NamesFileAndPlace(int at)
    {
        using var folder = new TemporaryFolder();
        byte[] first = File.ReadAllBytes(folder.Write("a.jsonl.gz", "{\"text\": \"one\"}\n"));
        byte[] damaged = [.. first];
        damaged[at] ^= 0x80;
        string joined = folder.File("joined.jsonl.gz");
        File.WriteAllBytes(joined, [.. first, .. damaged]);

        var error = Assert.Throws<DatasetException>(() => Reviews.Read(joined).ToList());

        Assert.Contains($"{joined}:", error.Message, StringComparison.Ordinal);
        Assert.Contains($"at byte {first.Length} ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ContentOfALaterMemberDamaged_NamesTheFile()
    {
        using var folder = new TemporaryFolder();
        byte[] first = File.ReadAllBytes(folder.Write("a.jsonl.gz", "{\"text\": \"one\"}\n"));
        byte[] damaged = [.. first];
        damaged[^6] ^= 1; // its checksum
        string joined = folder.File("joined.jsonl.gz");
        File.WriteAllBytes(joined, [.. first, .. damaged]);

        var error = Assert.Throws<DatasetException>(() => Reviews.Read(joined).ToList());

        Assert.Contains($"before byte {2 * first.Length} differs from its checksum", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EmptyLastMember_IsTheEnd() // bgzip ends its files so
    {
        using var folder = new TemporaryFolder();
        byte[] first = File.ReadAllBytes(folder.Write("a.jsonl.gz", "{\"text\": \"one\"}\n"));
        byte[] empty = [0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 6, 0, 66, 67, 2, 0, 27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        string joined = folder.File("joined.jsonl.gz");
        File.WriteAllBytes(joined, [.. first, .. empty]);

        Assert.Equal("one", Assert.Single(Reviews.Read(joined)).Text);
    }

    [Fact]
    public void Read_BytesThatAreNotUtf8_NamesTheFile()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("reviews.jsonl", [.. "{\"text\": \"caf"u8, 0xE9, .. "\"}\n"u8]);

        var error = Assert.Throws<DatasetException>(() => Reviews.Read(path).ToList());

        Assert.Contains($"{path}:1", error.Message, StringComparison.Ordinal);
        Assert.Contains("UTF-8", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12)]
    [InlineData(3000)]
    [InlineData(-9)] // all of the text is there, its trailer is not
    public void Read_TruncatedGzip_IsNotTakenForAShortFile(int kept)
    {
        using var folder = new TemporaryFolder();
        // One long line without an end: nothing in the text itself shows that it is cut.
        string path = folder.Write("prompts.txt.gz", string.Concat(Enumerable.Range(0, 5000).Select(i => $"prompt number {i} ")));
        byte[] bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, kept < 0 ? bytes[..^-kept] : bytes[..kept]);

        var error = Assert.Throws<DatasetException>(() => Prompts.Read(path).ToList());

        Assert.Contains("damaged or truncated", error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoSuchFile_NamesIt()
    {
        var error = Assert.Throws<DatasetException>(() => Reviews.Read("/nowhere/reviews.jsonl").ToList());

        Assert.Contains("/nowhere/reviews.jsonl: cannot be opened", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FirstReviewOnly_DoesNotReadTheRest()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("reviews.jsonl", "{\"text\": \"fine\"}\nnonsense\n");

        Assert.Equal("fine", Reviews.Read(path).First().Text);
    }

    [Fact]
    public void Read_PublishedTrainingSplit_HasItsRows()
    {
        var reviews = Reviews.Read(SharedFolder.Require("data", "imdb.train.jsonl.gz"), cleanHtml: true, labels: true).ToList();

        Assert.Equal((25_000, 12_500), (reviews.Count, reviews.Count(r => r.Label == 1)));
        Assert.DoesNotContain(reviews, r => r.Text.Contains("<br />", StringComparison.Ordinal) || r.Text.Any(char.IsControl));
    }
}
