using System.Diagnostics;

namespace Rudder.Files.Tests;

/// <summary>One program at a time in a folder.</summary>
public sealed class FolderLockTests : IDisposable
{
    private const string HeldFolder = "RUDDER_TEST_HELD_FOLDER";
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
    public async Task TryTake_HeldByAnotherProcess_IsRefusedUntilItIsKilled()
    {
        ProcessStartInfo start = new("dotnet", [typeof(FolderLockTests).Assembly.Location, "-explicit", "only", "-method", $"*.{nameof(Hold)}"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment[HeldFolder] = _folder.Path;
        using var other = Process.Start(start)!;
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        while (!File.Exists(_folder.File(".lock.json")))
        {
            await Task.Delay(20, limit.Token);
        }

        Assert.Null(FolderLock.TryTake(_folder.Path, out string? holder));
        Assert.Contains($"(process {other.Id})", holder, StringComparison.Ordinal);
        Assert.Contains($"(process {other.Id})", FolderLock.Delete(_folder.Path), StringComparison.Ordinal);

        other.Kill();
        await other.WaitForExitAsync(limit.Token);
        using var taken = FolderLock.TryTake(_folder.Path, out string? killed);
        Assert.NotNull(taken);
        Assert.Contains($"(process {other.Id})", killed, StringComparison.Ordinal);
    }

    /// <summary>The other process of the test above.</summary>
    [Fact(Explicit = true)]
    public void Hold()
    {
        using var held = FolderLock.TryTake(Environment.GetEnvironmentVariable(HeldFolder)!, out _);
        using ManualResetEvent never = new(false);
        never.WaitOne(TimeSpan.FromMinutes(2));
    }

    [Fact]
    public void Delete_FreeFolder_IsGoneWithAllThatIsInIt()
    {
        string folder = _folder.File("run");
        Directory.CreateDirectory(Path.Combine(folder, "checkpoints", "step-1"));
        File.WriteAllText(Path.Combine(folder, "checkpoints", "step-1", "state.json"), "{}");
        File.WriteAllText(Path.Combine(folder, "metrics.jsonl"), "");
        Assert.Null(FolderLock.Delete(folder));
        Assert.False(Directory.Exists(folder));
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
