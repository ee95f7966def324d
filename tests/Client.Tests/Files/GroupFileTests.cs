using System.Text;
using System.Text.Json.Nodes;
using Rudder.Client.Files;

namespace Rudder.Client.Tests.Files;

/// <summary>A group file continues after a kill at any byte, without a lost or doubled group.</summary>
public sealed class GroupFileTests : IDisposable
{
    private static readonly string[] Groups = ["a", "é b", "empty", "d\"q", "e"];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_PartialCutAtEveryByte_CompletesToTheSameBytes()
    {
        (byte[] whole, byte[] sums) = Unfinished("whole.jsonl");
        for (int kept = 0; kept <= whole.Length; kept++)
        {
            Assert.Equal(whole, Continue($"cut-{kept}.jsonl", whole[..kept], sums));
        }
    }

    [Fact]
    public void Open_SumsCutAtEveryByte_CompletesToTheSameBytes()
    {
        (byte[] whole, byte[] sums) = Unfinished("whole.jsonl");
        for (int kept = 0; kept <= sums.Length; kept++)
        {
            Assert.Equal(whole, Continue($"cut-{kept}.jsonl", whole, sums[..kept]));
        }
    }

    [Fact]
    public void Open_TailWithoutASum_IsCutOffAndWrittenAgain()
    {
        (byte[] whole, byte[] sums) = Unfinished("whole.jsonl");
        Assert.Equal(whole, Continue("zeros.jsonl", [.. whole, .. new byte[64], (byte)'\n', .. new byte[8]], sums));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)] // prompt 1 has two lines
    [InlineData(2, 2)]
    [InlineData(3, 4)] // prompt 2 has none
    public void Open_ChangedLine_IsRefusedByTheFirstLineOfItsPrompt(int changed, int named)
    {
        (byte[] whole, byte[] sums) = Unfinished("whole.jsonl");
        string[] lines = Encoding.UTF8.GetString(whole).Split('\n');
        lines[changed] = lines[changed].Replace("ü", "o", StringComparison.Ordinal).Replace("\\u00FC", "o00000", StringComparison.Ordinal);
        BadInputException error = Assert.Throws<BadInputException>(() =>
            Continue("changed.jsonl", Encoding.UTF8.GetBytes(string.Join('\n', lines)), sums)
        );
        Assert.Contains($"changed.jsonl.partial, line {named}:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_RemovedPrompt_IsRefusedByItsLine()
    {
        (byte[] whole, byte[] sums) = Unfinished("whole.jsonl");
        string[] lines = Encoding.UTF8.GetString(whole).Split('\n');
        byte[] removed = Encoding.UTF8.GetBytes(string.Join('\n', [lines[0], .. lines[3..]]));
        BadInputException error = Assert.Throws<BadInputException>(() => Continue("removed.jsonl", removed, sums));
        Assert.Contains("removed.jsonl.partial, line 2:", error.Message, StringComparison.Ordinal);
        Assert.Equal(removed, File.ReadAllBytes(GroupFile.PartialPath(_folder.File("removed.jsonl"))));
    }

    [Theory]
    [InlineData("x\n")]
    [InlineData("-1 abc\n")]
    [InlineData("12\n")]
    public void Open_DamagedSums_IsRefusedByLine(string text)
    {
        (byte[] whole, byte[] sums) = Unfinished("whole.jsonl");
        byte[] damaged = [.. sums[..(Array.IndexOf(sums, (byte)'\n') + 1)], .. Encoding.UTF8.GetBytes(text)];
        BadInputException error = Assert.Throws<BadInputException>(() => Continue("sums.jsonl", whole, damaged));
        Assert.Contains("sums.jsonl.sums, line 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_SumsLost_RefusesAndKeepsTheLines()
    {
        string path = _folder.File("file.jsonl");
        using (var file = GroupFile.Open(path, Settings(), Groups.Length))
        {
            file.Append(Lines(0));
        }

        byte[] written = File.ReadAllBytes(GroupFile.PartialPath(path));
        File.Delete(GroupFile.SumsPath(path));

        BadInputException error = Assert.Throws<BadInputException>(() => GroupFile.Open(path, Settings(), Groups.Length));

        Assert.Contains(GroupFile.SumsPath(path), error.Message, StringComparison.Ordinal);
        Assert.Equal(written, File.ReadAllBytes(GroupFile.PartialPath(path)));
    }

    [Fact]
    public void Append_BeforeComplete_LeavesTheFinalNameAbsent()
    {
        string path = _folder.File("file.jsonl");
        using var file = GroupFile.Open(path, Settings(), Groups.Length);
        file.Append(Lines(0));
        Assert.False(File.Exists(path));
        Assert.True(File.Exists(GroupFile.PartialPath(path)));
    }

    [Fact]
    public void Open_FinishedFile_IsCompleteAndUntouched()
    {
        string path = _folder.File("file.jsonl");
        byte[] whole = WriteAll(path);
        using var again = GroupFile.Open(path, Settings(), Groups.Length);
        Assert.Throws<InvalidOperationException>(() => again.Append(Lines(0)));
        Assert.False(File.Exists(GroupFile.PartialPath(path)));
        Assert.Equal(Groups.Length, again.NextGroup);
        Assert.Equal(whole, File.ReadAllBytes(path));
    }

    [Fact]
    public void Open_OtherSettings_NamesWhatDiffers()
    {
        string path = _folder.File("file.jsonl");
        GroupFile.Open(path, Settings(), Groups.Length).Dispose();
        JsonObject other = Settings();
        other["sampling"]!["seed"] = 8;
        BadInputException error = Assert.Throws<BadInputException>(() => GroupFile.Open(path, other, Groups.Length));
        Assert.Contains("sampling.seed was 7, is now 8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_FileWithoutSettings_IsRefused()
    {
        string path = _folder.Write("file.jsonl", "{}\n");
        BadInputException error = Assert.Throws<BadInputException>(() => GroupFile.Open(path, Settings(), Groups.Length));
        Assert.Contains("settings.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_WhileAnotherWriterHoldsIt_IsRefused()
    {
        string path = _folder.File("file.jsonl");
        using var first = GroupFile.Open(path, Settings(), Groups.Length);
        BadInputException error = Assert.Throws<BadInputException>(() => GroupFile.Open(path, Settings(), Groups.Length));
        Assert.Contains("in use", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_PartialThatCannotBeOpened_IsNotCalledInUse()
    {
        string path = _folder.File("file.jsonl");
        AtomicFile.WriteText(GroupFile.SettingsPath(path), Settings().ToJsonString());
        File.CreateSymbolicLink(GroupFile.PartialPath(path), GroupFile.PartialPath(path)); // a link to itself
        Assert.ThrowsAny<IOException>(() => GroupFile.Open(path, Settings(), Groups.Length));
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

    /// <summary>All groups of a file that lacks only its name, and their sums.</summary>
    private (byte[] Partial, byte[] Sums) Unfinished(string name)
    {
        string path = _folder.File(name);
        using (var file = GroupFile.Open(path, Settings(), Groups.Length))
        {
            while (file.NextGroup < Groups.Length)
            {
                file.Append(Lines(file.NextGroup));
            }
        }

        return (File.ReadAllBytes(GroupFile.PartialPath(path)), File.ReadAllBytes(GroupFile.SumsPath(path)));
    }

    /// <summary>Completes a file that an earlier program left so.</summary>
    private byte[] Continue(string name, byte[] partial, byte[] sums)
    {
        string path = _folder.File(name);
        AtomicFile.WriteText(GroupFile.SettingsPath(path), Settings().ToJsonString());
        File.WriteAllBytes(GroupFile.PartialPath(path), partial);
        File.WriteAllBytes(GroupFile.SumsPath(path), sums);
        return WriteAll(path);
    }

    private static byte[] WriteAll(string path)
    {
        using (var file = GroupFile.Open(path, Settings(), Groups.Length))
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
        Assert.False(File.Exists(GroupFile.SumsPath(path)));
        return File.ReadAllBytes(path);
    }
}
