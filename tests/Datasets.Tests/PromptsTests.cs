namespace Rudder.Datasets.Tests;

/// <summary>Prompts from rows and from plain lines.</summary>
public class PromptsTests
{
    [Fact]
    public void Read_Rows_TakesTextOrPrompt()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("p.jsonl", "{\"id\": \"a\", \"text\": \"This film \"}\n{\"id\": \"b\", \"prompt\": \"I\", \"chosen\": \" x\"}\n{\"text\": \"c\"}\n{\"id\": 7, \"text\": \"d\"}\n");

        Assert.Equal([new Prompt("a", "This film "), new Prompt("b", "I"), new Prompt("p.jsonl:3", "c"), new Prompt("7", "d")], Prompts.Read(path));
    }

    [Fact]
    public void Read_PlainText_TakesEachLineThatIsNotBlank()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("openings.txt", "\uFEFFThis film\r\n\nI never\n");

        Assert.Equal([new Prompt("openings.txt:1", "This film"), new Prompt("openings.txt:3", "I never")], Prompts.Read(path));
    }

    [Theory]
    [InlineData("""{"id": "b"}""", "key 'text' is missing, and so is 'prompt'")]
    [InlineData("""{"id": "b", "text": "x", "prompt": "y"}""", "is given beside 'prompt'")]
    [InlineData("""{"id": "b", "text": ""}""", "is empty")]
    [InlineData("""{"id": "a", "text": "again"}""", "key 'id' is 'a', as in line 1")]
    public void Read_MalformedRow_NamesFileAndLine(string row, string part)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("p.jsonl", "{\"id\": \"a\", \"text\": \"x\"}\n" + row + "\n");

        var error = Assert.Throws<DatasetException>(() => Prompts.Read(path).ToList());

        Assert.Contains($"{path}:2: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
