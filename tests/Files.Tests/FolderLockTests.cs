namespace Rudder.Files.Tests;

/// <summary>One program at a time in a folder.</summary>
public sealed class FolderLockTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void TryTake_HeldElsewhere_IsRefusedNamingTheProcess()
    {
        using FolderLock? held = FolderLock.TryTake(folder.Path, out string? before);
        Assert.NotNull(held);
        Assert.Null(before);

        Assert.Null(FolderLock.TryTake(folder.Path, out string? other));

        Assert.Contains($"(process {Environment.ProcessId})", other, StringComparison.Ordinal);
    }

    [Fact]
    public void TryTake_AfterRelease_SucceedsAndLeavesNoFiles()
    {
        FolderLock.TryTake(folder.Path, out _)!.Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));

        using FolderLock? again = FolderLock.TryTake(folder.Path, out string? before);

        Assert.NotNull(again);
        Assert.Null(before);
        Assert.All(Directory.GetFiles(folder.Path), file => Assert.True(FolderLock.Owns(file)));
    }

    [Fact]
    public void TryTake_LeftByAKilledProcess_SucceedsNamingIt()
    {
        using (FolderLock? held = FolderLock.TryTake(folder.Path, out _))
        {
            File.Copy(folder.File(".lock.json"), folder.File("left.json")); // what a killed process leaves behind
        }

        File.WriteAllText(folder.File(".lock"), "");
        File.Move(folder.File("left.json"), folder.File(".lock.json"));

        using FolderLock? taken = FolderLock.TryTake(folder.Path, out string? killed);

        Assert.NotNull(taken);
        Assert.Contains($"(process {Environment.ProcessId})", killed, StringComparison.Ordinal);
    }

    [Fact]
    public void TryTake_DamagedHolderFile_DoesNotStopTheNextProgram()
    {
        File.WriteAllText(folder.File(".lock.json"), "{");
        using FolderLock? taken = FolderLock.TryTake(folder.Path, out string? before);
        Assert.NotNull(taken);
        Assert.Null(before);
    }
}
