using System.Text.Json.Nodes;
using Rudder.Client.Files;

namespace Rudder.Client.Tests.Files;

/// <summary>A group file continues after a kill at any byte, without a lost or doubled group.</summary>
public sealed class GroupFileTests : IDisposable
{
    private static readonly string[] Groups = ["a", "é b", "empty", "d\"q", "e"];
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Open_PartialCutAtEveryByte_CompletesToTheSameBytes()
    {
        byte[] whole = WriteAll(folder.File("whole.jsonl"));
        for (int kept = 0; kept <= whole.Length; kept++)
        {
            string path = folder.File($"cut-{kept}.jsonl");
            AtomicFile.WriteText(GroupFile.SettingsPath(path), Settings().ToJsonString());
            File.WriteAllBytes(GroupFile.PartialPath(path), whole[..kept]);
            Assert.Equal(whole, WriteAll(path));
        }
    }

    [Fact]
    public void Open_TailOfZeroBytes_IsCutOffAndWrittenAgain()
    {
        byte[] whole = WriteAll(folder.File("whole.jsonl"));
        string path = folder.File("zeros.jsonl");
        AtomicFile.WriteText(GroupFile.SettingsPath(path), Settings().ToJsonString());
        File.WriteAllBytes(GroupFile.PartialPath(path), [.. whole[..30], .. new byte[64], (byte)'\n', .. new byte[8]]);
        Assert.Equal(whole, WriteAll(path));
    }

    [Fact]
    public void Append_BeforeComplete_LeavesTheFinalNameAbsent()
    {
        string path = folder.File("file.jsonl");
        using GroupFile file = GroupFile.Open(path, Settings(), Groups);
        file.Append(Lines(0));
        Assert.False(File.Exists(path));
        Assert.True(File.Exists(GroupFile.PartialPath(path)));
    }

    [Fact]
    public void Open_FinishedFile_IsCompleteAndUntouched()
    {
        string path = folder.File("file.jsonl");
        byte[] whole = WriteAll(path);
        using GroupFile again = GroupFile.Open(path, Settings(), Groups);
        Assert.Throws<InvalidOperationException>(() => again.Append(Lines(0)));
        Assert.False(File.Exists(GroupFile.PartialPath(path)));
        Assert.Equal(Groups.Length, again.NextGroup);
        Assert.Equal(whole, File.ReadAllBytes(path));
    }

    [Fact]
    public void Open_OtherSettings_NamesWhatDiffers()
    {
        string path = folder.File("file.jsonl");
        GroupFile.Open(path, Settings(), Groups).Dispose();
        JsonObject other = Settings();
        other["sampling"]!["seed"] = 8;
        InputException error = Assert.Throws<InputException>(() => GroupFile.Open(path, other, Groups));
        Assert.Contains("sampling.seed was 7, is now 8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileWithoutSettings_IsRefused()
    {
        string path = folder.Write("file.jsonl", "{}\n");
        InputException error = Assert.Throws<InputException>(() => GroupFile.Open(path, Settings(), Groups));
        Assert.Contains("settings.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"prompt_id\":\"zzz\"}\n", "zzz")]
    [InlineData("{\"prompt_id\":\"e\"}\n{\"prompt_id\":\"a\"}\n", "'a'")]
    public void Open_ForeignOrUnorderedGroup_IsRefused(string content, string named)
    {
        string path = folder.File("file.jsonl");
        AtomicFile.WriteText(GroupFile.SettingsPath(path), Settings().ToJsonString());
        File.WriteAllText(GroupFile.PartialPath(path), content);
        InputException error = Assert.Throws<InputException>(() => GroupFile.Open(path, Settings(), Groups));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(GroupFile.PartialPath(path)));
    }

    [Fact]
    public void Open_WhileAnotherWriterHoldsIt_IsRefused()
    {
        string path = folder.File("file.jsonl");
        using GroupFile first = GroupFile.Open(path, Settings(), Groups);
        InputException error = Assert.Throws<InputException>(() => GroupFile.Open(path, Settings(), Groups));
        Assert.Contains("in use", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_PartialThatCannotBeOpened_IsNotCalledInUse()
    {
        string path = folder.File("file.jsonl");
        AtomicFile.WriteText(GroupFile.SettingsPath(path), Settings().ToJsonString());
        File.CreateSymbolicLink(GroupFile.PartialPath(path), GroupFile.PartialPath(path)); // a link to itself
        Assert.ThrowsAny<IOException>(() => GroupFile.Open(path, Settings(), Groups));
    }

    private static JsonObject Settings() =>
        new()
        {
            ["kind"] = "test",
            ["sampling"] = new JsonObject { ["seed"] = 7 },
        };

    private static IEnumerable<string> Lines(int group) =>
        group == 2
            ? []
            : Enumerable
                .Range(0, 1 + (group % 3))
                .Select(line =>
                    new JsonObject
                    {
                        ["prompt_id"] = Groups[group],
                        ["line"] = line,
                        ["text"] = "ü\n",
                    }.ToJsonString()
                );

    private static byte[] WriteAll(string path)
    {
        using (GroupFile file = GroupFile.Open(path, Settings(), Groups))
        {
            while (file.NextGroup < Groups.Length)
            {
                file.Append(Lines(file.NextGroup));
            }

            file.Complete();
        }

        Assert.Equal(
            Groups.Length - 1,
            File.ReadLines(path).Select(line => JsonNode.Parse(line)!["prompt_id"]!.ToString()).Distinct().Count()
        );
        Assert.False(File.Exists(GroupFile.PartialPath(path)));
        return File.ReadAllBytes(path);
    }
}
