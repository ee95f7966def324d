namespace Rudder.Datasets.Tests;

/// <summary>Ids to be left out, from rows and from tables, and every way in which such a file can be wrong.</summary>
public class ExclusionIdsTests
{
    [Theory]
    [InlineData("out.jsonl")]
    [InlineData("out.jsonl.gz")]
    public void Read_Rows_GivesIdsAndSources(string name)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, "{\"id\": \"a\", \"source\": [\"b\", \"c\"]}\n\n{\"source\": \"d\"}\n{\"id\": \"e\", \"source\": null}\n{\"id\": 0, \"source\": [7]}\n");

        Assert.Equal(["a", "b", "c", "d", "e", "0", "7"], ExclusionIds.Read(path));
    }

    [Theory]
    [InlineData("out.tsv")]
    [InlineData("out.tsv.gz")]
    public void Read_Table_GivesTheColumn(string name)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, "line\tid\tnote\r\n1\ta\tx\r\n\r\n2\tb\r\n");

        Assert.Equal(["a", "b"], ExclusionIds.Read(path));
    }

    [Theory]
    [InlineData("out.jsonl", "{\"id\": \"a\"}\n{\"id\": true}\n", ":2: key 'id' is true; an id or a list of ids belongs there")]
    [InlineData("out.jsonl", "{\"id\": \"a\"}\n{\"source\": [{}]}\n", ":2: key 'source' is [{}]; an id or a list of ids belongs there")]
    [InlineData("out.jsonl", "{\"id\": \"a\"}\nid\n", ":2: not valid JSON")]
    [InlineData("out.jsonl", "[\"a\"]\n", ":1: is not a JSON object")]
    [InlineData("out.tsv", "", ": is empty")]
    [InlineData("out.tsv", "line\tname\n1\ta\n", ":1: has no column 'id'")]
    [InlineData("out.tsv", "line\tid\n1\ta\n2\n", ":3: has 1 columns; 'id' is column 2")]
    public void Read_MalformedFile_NamesFileLineAndWhatBelongsThere(string name, string content, string part)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, content);

        var error = Assert.Throws<DatasetException>(() => ExclusionIds.Read(path).ToList());

        Assert.Contains(path + part, error.Message, StringComparison.Ordinal);
    }
}
