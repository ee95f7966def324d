using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class RunFolderTests
{
    [Fact]
    public void Open_WithoutOutput_NamesTheFolderByTimeRecipeAndSeed()
    {
        using var folder = new TemporaryFolder();
        var clock = new FixedClock(new DateTimeOffset(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));
        string current = Directory.GetCurrentDirectory();
        try
        {
            Directory.SetCurrentDirectory(folder.Path);
            using var run = RunFolder.Open(new RunRequest { Recipe = "r.json", Clock = clock }, "sft", 5);
            Assert.Equal(Path.Combine("runs", "20260304T050607Z-sft-s5"), run.Path);
        }
        finally
        {
            Directory.SetCurrentDirectory(current);
        }
    }

    [Fact]
    public void Open_FolderInUse_IsRefusedWithTheWayOn()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("old.txt"), "x");
        var request = new RunRequest { Recipe = "r.json", Output = folder.Path };
        BadInputException error = Assert.Throws<BadInputException>(() => RunFolder.Open(request, "r", 0));
        Assert.Contains("--resume", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_ResumeOfAFolderWithoutARun_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var request = new RunRequest { Recipe = "r.json", Resume = folder.Path };
        Assert.Throws<BadInputException>(() => RunFolder.Open(request, "r", 0));
    }

    [Theory]
    [InlineData(true, "checkpoints")]                        // without any in it: they were deleted
    [InlineData(true, "checkpoints/step-3")]
    [InlineData(false, "checkpoints.tmp/step-3")]            // killed in its first save
    public void HasTrained_Folder_CountsOnceACheckpointWasComplete(bool expected, string name)
    {
        using var folder = new TemporaryFolder();
        using var run = RunFolder.Open(new RunRequest { Recipe = "r.json", Output = folder.File("run") }, "r", 0);
        Assert.False(run.HasTrained);
        Directory.CreateDirectory(run.File(name));
        Assert.Equal(expected, run.HasTrained);
    }

    [Fact]
    public void Open_FolderHeldByAnotherProgram_IsRefusedNamingIt()
    {
        using var folder = new TemporaryFolder();
        var request = new RunRequest { Recipe = "r.json", Output = folder.File("run") };
        using var first = RunFolder.Open(request, "r", 0);
        BadInputException error = Assert.Throws<BadInputException>(() => RunFolder.Open(request, "r", 0));
        Assert.Contains($"(process {Environment.ProcessId})", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AfterAKilledProgram_SucceedsAndNamesIt()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(".lock"), "");
        File.WriteAllText(folder.File(".lock.json"), """{"Program":"trainer","Process":123}""");
        using var progress = new StringWriter();
        using var run = RunFolder.Open(new RunRequest { Recipe = "r.json", Output = folder.Path, Progress = progress }, "r", 0);
        Assert.Contains("trainer (process 123)", progress.ToString(), StringComparison.Ordinal);
    }

    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
