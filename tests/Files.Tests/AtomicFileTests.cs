namespace Rudder.Files.Tests;

/// <summary>Whole files or none.</summary>
public class AtomicFileTests
{
    [Fact]
    public void Write_FailsHalfway_LeavesNoFile()
    {
        using var folder = new TemporaryFolder();

        Assert.Throws<IOException>(() => AtomicFile.Write(folder.File("model.safetensors"), FailHalfway));

        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Write_FailsHalfway_KeepsTheOlderFile()
    {
        using var folder = new TemporaryFolder();
        AtomicFile.WriteText(folder.File("a.txt"), "old");

        Assert.Throws<IOException>(() => AtomicFile.Write(folder.File("a.txt"), FailHalfway));

        Assert.Equal("old", File.ReadAllText(folder.File("a.txt")));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void WriteText_OverAnOlderFile_ReplacesIt()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("new/a.txt");
        AtomicFile.WriteText(path, "a longer text");

        AtomicFile.WriteText(path, "ü");

        Assert.Equal([0xC3, 0xBC], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFileSystemEntries(folder.File("new")));
    }

    private static void FailHalfway(Stream stream)
    {
        stream.Write(new byte[200_000]);
        throw new IOException("No space left on device");
    }
}
