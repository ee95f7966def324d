namespace Rudder.Files.Tests;

/// <summary>One program at a time in a folder.</summary>
public sealed class FolderLockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TryTake_HeldElsewhere_IsRefusedNamingTheProcess()
    {
        using var held = FolderLock.TryTake(_folder.Path, out string? before);
        Assert.NotNull(held);
        Assert.Null(before);

        Assert.Null(FolderLock.TryTake(_folder.Path, out string? other));

        Assert.Contains($"(process {Environment.ProcessId})", other, StringComparison.Ordinal);
    }

    [Fact]
    public void TryTake_AfterRelease_SucceedsAndLeavesNoFiles()
    {
        FolderLock.TryTake(_folder.Path, out _)!.Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));

        using var again = FolderLock.TryTake(_folder.Path, out string? before);

        Assert.NotNull(again);
        Assert.Null(before);
        Assert.All(Directory.GetFiles(_folder.Path), file => Assert.True(FolderLock.Owns(file)));
    }

    [Fact]
    public void TryTake_LeftByAKilledProcess_SucceedsNamingIt()
    {
        using (var held = FolderLock.TryTake(_folder.Path, out _))
        {
            File.Copy(_folder.File(".lock.json"), _folder.File("left.json")); // what a killed process leaves behind
        }

        File.WriteAllText(_folder.File(".lock"), "");
        File.Move(_folder.File("left.json"), _folder.File(".lock.json"));

        using var taken = FolderLock.TryTake(_folder.Path, out string? killed);

        Assert.NotNull(taken);
        Assert.Contains($"(process {Environment.ProcessId})", killed, StringComparison.Ordinal);
    }

    [Fact]
    public void TryTake_DamagedHolderFile_DoesNotStopTheNextProgram()
    {
        File.WriteAllText(_folder.File(".lock.json"), "{");
        using var taken = FolderLock.TryTake(_folder.Path, out string? before);
        Assert.NotNull(taken);
        Assert.Null(before);
    }
}
