using System.Text.Json.Nodes;
using Rudder.Client.Experiments;

namespace Rudder.Client.Tests.Experiments;

/// <summary>When a stage runs, resumes, is kept or starts afresh.</summary>
public sealed class StageRunnerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _log = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_UnchangedAndDone_IsKept()
    {
        await RunAsync(1, "result");
        bool again = await RunAsync(1, "other");
        Assert.False(again);
        Assert.Equal("result", File.ReadAllText(_folder.File("stage", "out")));
        Assert.Contains("stage: unchanged, kept", _log);
    }

    [Fact]
    public async Task Run_ChangedInput_StartsAfreshAndNamesIt()
    {
        await RunAsync(1, "result");
        _folder.Write("stage/leftover", "old");
        bool again = await RunAsync(2, "new");
        Assert.True(again);
        Assert.Equal("new", File.ReadAllText(_folder.File("stage", "out")));
        Assert.False(File.Exists(_folder.File("stage", "leftover")));
        Assert.Contains(_log, line => line.Contains("inputs changed (beta)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_ResultChangedSinceItWasMade_IsRefusedByName()
    {
        await RunAsync(1, "result");
        await RunAsync(1, "result");
        _folder.Write("stage/out", "resulT");
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() => RunAsync(1, "again"));
        Assert.Contains(_folder.File("stage", "out"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ChangedInputsOfAFolderInUse_IsRefusedAndKeepsIt()
    {
        await RunAsync(1, "result");
        using var trainer = FolderLock.TryTake(_folder.File("stage"), out _);
        BadInputException error = await Assert.ThrowsAsync<BadInputException>(() => RunAsync(2, "new"));
        Assert.Contains($"(process {Environment.ProcessId})", error.Message, StringComparison.Ordinal);
        Assert.Equal("result", File.ReadAllText(_folder.File("stage", "out")));
    }

    [Fact]
    public async Task Run_InterruptedWithTheSameInputs_ResumesInItsFolder()
    {
        await BreakOffAsync();
        string? found = null;
        await Runner()
            .RunAsync("stage", Inputs(1), path =>
            {
                found = File.ReadAllText(Path.Combine(path, "half"));
                return Task.CompletedTask;
            });
        Assert.Equal("half", found);
        Assert.Contains("stage: resuming", _log);
    }

    [Fact]
    public async Task Run_InterruptedAndChanged_StartsAfresh()
    {
        await BreakOffAsync();
        await Runner()
            .RunAsync("stage", Inputs(2), path =>
            {
                Assert.Empty(Directory.EnumerateFileSystemEntries(path));
                return Task.CompletedTask;
            });
    }

    [Fact]
    public async Task Run_FolderRemovedByHand_RunsAgain()
    {
        await RunAsync(1, "result");
        Directory.Delete(_folder.File("stage"), recursive: true);
        Assert.True(await RunAsync(1, "again"));
    }

    [Fact]
    public async Task Run_Done_RecordsInputsAndTime()
    {
        await RunAsync(1, "result");
        JsonNode marker = JsonNode.Parse(File.ReadAllText(_folder.File("stages", "stage.json")))!;
        Assert.Equal("done", marker["state"]!.ToString());
        Assert.Equal(1, marker["inputs"]!["beta"]!.GetValue<double>());
        Assert.True(marker["seconds"]!.GetValue<double>() >= 0);
    }

    [Fact]
    public async Task Run_KilledWhileRemovingAnOldResult_DoesNotKeepWhatIsLeftOfIt()
    {
        await RunAsync(1, "result");
        void Die(string line) => _ = line == "stage: starting" ? throw new IOException("scripted") : line;
        StageRunner killed = new(_folder.Path, Die, TimeProvider.System);
        await Assert.ThrowsAsync<IOException>(() => killed.RunAsync("stage", Inputs(2), _ => Task.CompletedTask));
        _folder.Write("stage/left", "half"); // as if the removal had not come to its end
        Assert.True(await RunAsync(1, "again"));
        Assert.False(File.Exists(_folder.File("stage", "left")));
    }

    [Theory]
    [InlineData(1, true)] // kept: a finished run stays finished
    [InlineData(2, false)]
    public async Task Run_AfterAFinishedRun_RemovesItsResultsBeforeAnyWork(double beta, bool kept)
    {
        await RunAsync(1, "result");
        string[] results = [_folder.Write("summary.json", "old"), _folder.Write("report.html", "old")];
        bool during = kept;
        await Runner()
            .RunAsync("stage", Inputs(beta), _ =>
            {
                during = results.Any(File.Exists);
                return Task.CompletedTask;
            });
        Assert.Equal(kept, during);
        Assert.All(results, file => Assert.Equal(kept, File.Exists(file)));
    }

    [Fact]
    public async Task Run_KeptStage_KeepsTheCommitOfItsCompletion()
    {
        await new StageRunner(_folder.Path, _log.Add, TimeProvider.System, "old").RunAsync("stage", Inputs(1), _ => Task.CompletedTask);
        StageRunner later = new(_folder.Path, _log.Add, TimeProvider.System, "new");
        await later.RunAsync("stage", Inputs(1), _ => Task.CompletedTask);
        await later.RunAsync("other", Inputs(1), _ => Task.CompletedTask);
        Assert.Equal("old", later.CommitOf("stage"));
        Assert.Equal("new", later.CommitOf("other"));
    }

    private static JsonObject Inputs(double beta) => new() { ["model"] = "abc", ["beta"] = beta };

    /// <summary>Runs the stage until it has written half of its work.</summary>
    private async Task BreakOffAsync() =>
        await Assert.ThrowsAsync<IOException>(() =>
            Runner()
                .RunAsync("stage", Inputs(1), path =>
                {
                    File.WriteAllText(Path.Combine(path, "half"), "half");
                    throw new IOException("scripted");
                })
        );

    private StageRunner Runner() => new(_folder.Path, _log.Add, TimeProvider.System);

    private async Task<bool> RunAsync(double beta, string result)
    {
        bool ran = false;
        await Runner()
            .RunAsync("stage", Inputs(beta), path =>
            {
                ran = true;
                File.WriteAllText(Path.Combine(path, "out"), result);
                return Task.CompletedTask;
            }, "out");
        return ran;
    }
}
