using System.Text;
using System.Text.Json;
using Parquet;
using Parquet.Schema;
using Parquet.Serialization;
using ZstdSharp;

namespace Rudder.Datasets.Tests;

/// <summary>The same rows from every kind of file, and what is wrong with a file or a row of each kind.</summary>
public sealed class DataRowsTests : IDisposable
{
    private const string First = " a\tb\r\nc \u2028\u00e9 ", Second = "\"quoted\", with comma";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Kinds =>
        ["t.jsonl", "t.ndjson", "t.json", "lines.json", "t.csv", "t.parquet", "t.jsonl.gz", "t.csv.gz", "t.jsonl.zst", "t.csv.zst", "t.json.zst"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Read_EveryKind_GivesTheSameTexts(string name)
    {
        string path = Write(name, Content(name));

        Review[] rows = [.. TrainingTexts.Read(path)];

        Assert.Equal([First, Second], rows.Select(row => row.Text));
        Assert.Equal(["7", "x"], rows.Select(row => row.Id));
    }

    [Theory]
    [InlineData("t.jsonl")]
    [InlineData("t.csv")]
    [InlineData("t.json")]
    public void Read_ByteOrderMarkCrLfAndBlankLines_AreNoPartOfTheRows(string name)
    {
        string content = Content(name).Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal); // not U+2028
        string path = Write(name, "\uFEFF" + (name == "t.csv" ? "\r\n" : string.Empty) + content + "\r\n\r\n  \r\n");

        Assert.Equal([First, Second], TrainingTexts.Read(path).Select(row => row.Text));
    }

    [Fact]
    public void Read_MappedPromptBesideAText_LearnsTheCompletion()
    {
        string path = Write("alpaca.jsonl", "{\"instruction\": \"Say a\", \"output\": \" a\", \"text\": \"Say a: a\"}\n");
        var columns = new Dictionary<string, string> { ["prompt"] = "instruction", ["completion"] = "output" };

        Review mapped = Assert.Single(TrainingTexts.Read(path, new RowSettings { Columns = columns }));

        Assert.Equal(("Say a", " a"), (mapped.Prompt, mapped.Text));
        Assert.Equal("Say a: a", Assert.Single(TrainingTexts.Read(path)).Text);
    }

    [Fact]
    public void Read_TextFile_GivesLinesOrTheWholeText()
    {
        string path = Write("t.txt", "\uFEFF one \u2028\r\n\r\n\ttwo");

        Assert.Equal([" one \u2028", "\ttwo"], TrainingTexts.Read(path).Select(row => row.Text));
        Assert.Equal(["t.txt:1", "t.txt:3"], TrainingTexts.Read(path).Select(row => row.Id));
        Assert.Equal([" one \u2028\r\n\r\n\ttwo"], TrainingTexts.Read(path, new RowSettings { WholeTexts = true }).Select(row => row.Text));
    }

    [Fact]
    public void Read_ZstandardOfTwoFrames_ReadsBoth()
    {
        Write("a.jsonl.zst", "{\"text\": \"one\"}\n");
        Write("b.jsonl.zst", "{\"text\": \"two\"}\n");
        string joined = _folder.File("joined.jsonl.zst");
        File.WriteAllBytes(joined, [.. File.ReadAllBytes(_folder.File("a.jsonl.zst")), .. File.ReadAllBytes(_folder.File("b.jsonl.zst"))]);

        Assert.Equal(["one", "two"], TrainingTexts.Read(joined).Select(row => row.Text));
    }

    [Theory]
    [InlineData("t.jsonl.zst", 3)]
    [InlineData("t.csv.zst", 5)]
    [InlineData("t.parquet", 40)]
    public void Read_TruncatedFile_NamesIt(string name, int missing)
    {
        string path = Write(name, Content(name));
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^missing]);

        var error = Assert.Throws<DatasetException>(() => TrainingTexts.Read(path).ToList());

        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("truncated", error.Message, StringComparison.Ordinal);
        Assert.Null(error.Row);
    }

    [Fact]
    public async Task Read_ParquetOfSeveralRowGroups_NumbersRowsThroughAndReadsTypedValues()
    {
        string path = _folder.File("t.parquet");
        var schema = new ParquetSchema(new DataField<string>("prompt"), new DataField<string>("completion"), new DataField<bool?>("label"));
        await using (FileStream file = File.Create(path))
        {
            IDictionary<string, object?>[] rows = [.. new bool?[] { true, false, null }.Select((label, i) =>
                (IDictionary<string, object?>)new Dictionary<string, object?> { ["prompt"] = $"p{i}", ["completion"] = " c", ["label"] = label })];
            await ParquetSerializer.SerializeUntypedAsync(rows, schema, file, new ParquetOptions { RowGroupSize = 2 });
        }

        using var read = LabelledCompletions.Read(path).GetEnumerator();

        Assert.True(read.MoveNext());
        Assert.Equal(new LabelledCompletion(path + ":1", "p0", " c", null, null, true), read.Current);
        Assert.True(read.MoveNext());
        Assert.False(read.Current.Desirable);
        var error = Assert.Throws<DatasetException>(() => read.MoveNext());
        Assert.Contains($"{path}:3: column 'label' is missing", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("True", true)]
    [InlineData("false", false)]
    [InlineData("1", true)]
    [InlineData("0", false)]
    public void Read_CsvLabels_AreReadAsPandasDoes(string cell, bool expected)
    {
        string path = Write("t.csv", $"prompt,completion,label\n,\" two\nlines\",{cell}\n");

        LabelledCompletion row = Assert.Single(LabelledCompletions.Read(path));

        Assert.Equal((string.Empty, " two\nlines", expected), (row.Prompt, row.Completion, row.Desirable));
    }

    [Theory]
    [InlineData("t.csv", "text,id\n\"two\nlines\",1\na,b,c\n", ":4: has 3 cells; the first line names 2 columns")]
    [InlineData("t.csv", "text,id\na,b\n\"x\" y,2\n", ":3: a quoted cell does not end")]
    [InlineData("t.csv", "text,id\na,b\n\"open,2\n", ":3: a quoted cell does not end")]
    [InlineData("t.csv", "id,body\n1,a\n", ":2: column 'text' is missing")]
    [InlineData("t.jsonl", "{\"text\": \"a\"}\n{\"text\": \n", ":2: not valid JSON")]
    [InlineData("t.jsonl", "{\"text\": \"a\"}\n\n[1]\n", ":3: is not a JSON object")]
    [InlineData("t.json", "[{\"text\": \"a\"},\n\n7]", ":3: holds an element that is not an object")]
    [InlineData("t.json", "[\n{\"text\": \"a\"},\n{\"text\": null}]", ":3: key 'text' is missing")]
    [InlineData("t.jsonl", "{\"text\": \"a\"}\n{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}", ":2: key 'messages' is a list of messages")]
    public void Read_BadRow_IsNamedOrSkipped(string name, string content, string problem)
    {
        string path = Write(name, content);
        List<DatasetException> bad = [];

        var error = Assert.Throws<DatasetException>(() => TrainingTexts.Read(path).ToList());
        int rows = TrainingTexts.Read(path, new RowSettings { Skip = bad.Add }).Count();

        Assert.Contains(path + problem, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(path, error.Row!, StringComparison.Ordinal);
        Assert.Equal(error.Message, Assert.Single(bad).Message);
        Assert.Equal(content.Contains("body", StringComparison.Ordinal) ? 0 : 1, rows);
    }

    [Theory]
    [InlineData("t.csv", "", "is empty")]
    [InlineData("t.csv", "text,text\na,b", ":1: names a column twice")]
    [InlineData("t.json", "[{\"text\": \"a\"},\n{", ":2: not valid JSON")]
    [InlineData("t.json", "[{\"text\": \"a\"}]\nmore", ":2: not valid JSON")]
    [InlineData("t.tsv", "text", "the ending does not say")]
    [InlineData("t.parquet", "text", "not Parquet")]
    [InlineData("t.parquet.gz", "text", "packed inside")]
    public void Read_UnreadableFile_ThrowsEvenWhereRowsAreSkipped(string name, string content, string problem)
    {
        string path = _folder.Write(name, content);

        var error = Assert.Throws<DatasetException>(() => TrainingTexts.Read(path, new RowSettings { Skip = _ => { } }).ToList());

        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Null(error.Row);
    }

    [Fact]
    public void Read_PromptsAndPairs_GiveWhatASupervisedRunLearns()
    {
        string path = Write("t.jsonl", """
            {"prompt": "p", "completion": " c"}
            {"prompt": "p", "chosen": " good", "rejected": " bad"}
            {"chosen": "It is good", "rejected": "It is bad"}
            {"text": "whole", "prompt": null}
            """);

        Assert.Equal([("p", " c"), ("p", " good"), ("It is", " good"), (null, "whole")], TrainingTexts.Read(path).Select(row => (row.Prompt, row.Text)));
    }

    [Fact]
    public void Find_PathsAndPatterns_GivesFilesInOrderAndEachMatchOnce()
    {
        foreach (string name in new[] { "b.csv", "a.csv", "c.json" })
        {
            Write(name, "x");
        }

        Directory.CreateDirectory(_folder.File("deep/er"));
        File.WriteAllText(_folder.File("deep/er/d.csv"), "x");

        Assert.Equal(["a.csv", "b.csv"], Find("*.csv"));
        Assert.Equal(["b.csv", "a.csv", "missing.csv"], Find("b.csv", "*.csv", "missing.csv"));
        Assert.Equal(["deep/er/d.csv"], Find("deep/**/*.csv"));
        Assert.Equal(["a.csv", "b.csv", "deep/er/d.csv"], Find("**/*.csv"));
        var error = Assert.Throws<DatasetException>(() => Find("*.parquet"));
        Assert.Contains("matches no file", error.Message, StringComparison.Ordinal);

        string[] Find(params string[] patterns) =>
            [.. DataFiles.Find(patterns.Select(_folder.File)).Select(file => Path.GetRelativePath(_folder.Path, file).Replace('\\', '/'))];
    }

    private static string Content(string name)
    {
        string[] lines = [JsonSerializer.Serialize(new { text = First, id = 7 }), JsonSerializer.Serialize(new { text = Second, id = "x" })];
        return name.Contains(".csv", StringComparison.Ordinal) ? $"id,text\n7,\"{First}\"\nx,\"{Second.Replace("\"", "\"\"", StringComparison.Ordinal)}\"\n"
            : name.StartsWith("t.json.", StringComparison.Ordinal) || name == "t.json" ? $"[{lines[0]},\n{lines[1]}]"
            : string.Join("\n", lines);
    }

    private string Write(string name, string content)
    {
        if (name.EndsWith(".parquet", StringComparison.Ordinal))
        {
            using FileStream file = File.Create(_folder.File(name));
            IDictionary<string, object?>[] rows =
            [
                new Dictionary<string, object?> { ["id"] = "7", ["text"] = First },
                new Dictionary<string, object?> { ["id"] = "x", ["text"] = Second },
            ];
            ParquetSerializer.SerializeUntypedAsync(rows, new ParquetSchema(new DataField<string>("id"), new DataField<string>("text")), file).GetAwaiter().GetResult();
        }
        else if (name.EndsWith(".zst", StringComparison.Ordinal))
        {
            using var packed = new CompressionStream(File.Create(_folder.File(name)), leaveOpen: false);
            packed.Write(Encoding.UTF8.GetBytes(content));
        }
        else
        {
            _folder.Write(name, content);
        }

        return _folder.File(name);
    }
}
