namespace Rudder.Datasets.Tests;

public sealed class LabelledCompletionsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_TextsAndIds_GivesBothWithTheirLines()
    {
        string path = Write(
            "{\"prompt\":\"a\",\"completion\":\" b\",\"label\":true,\"more\":1}",
            "{\"prompt_ids\":[1,2],\"completion_ids\":[3],\"label\":false}");
        LabelledCompletion[] rows = [.. LabelledCompletions.Read(path)];
        Assert.Equal(new LabelledCompletion(path + ":1", "a", " b", null, null, true), rows[0]);
        Assert.Equal((path + ":2", null, false), (rows[1].Place, rows[1].Prompt, rows[1].Desirable));
        Assert.Equal([1, 2], rows[1].PromptIds!);
        Assert.Equal([3], rows[1].CompletionIds!);
    }

    [Theory]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\"}", "label")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\",\"label\":\"true\"}", "label")]
    [InlineData("{\"prompt\":\"a\",\"label\":true}", "completion")]
    [InlineData("{\"prompt_ids\":[1],\"label\":true}", "completion_ids")]
    [InlineData("{\"completion_ids\":[1],\"label\":true}", "prompt_ids")]
    [InlineData("{\"prompt_ids\":[1,-2],\"completion_ids\":[1],\"label\":true}", "prompt_ids")]
    [InlineData("{\"prompt_ids\":1,\"completion_ids\":[1],\"label\":true}", "prompt_ids")]
    [InlineData("{\"prompt_ids\":[\"1\"],\"completion_ids\":[1],\"label\":true}", "prompt_ids")]
    public void Read_BrokenRow_NamesLineAndKey(string row, string key)
    {
        string path = Write("{\"prompt\":\"a\",\"completion\":\"b\",\"label\":true}", row);
        var error = Assert.Throws<DatasetException>(() => LabelledCompletions.Read(path).ToList());
        Assert.Contains($"{path}:2: key '{key}'", error.Message, StringComparison.Ordinal);
    }

    private string Write(params string[] lines)
    {
        string path = _folder.File("rows.jsonl");
        File.WriteAllLines(path, lines);
        return path;
    }
}
