using System.Text.Json.Nodes;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public sealed class CheckpointFolderTests : IDisposable
{
    private static readonly string[] Names = ["manifest.json", "random.bin", "state.json", "weights.safetensors"];
    private readonly TemporaryFolder _folder = new();
    private readonly RunFolder _run;

    public CheckpointFolderTests()
    {
        _run = NewRun("run");
        Save(_run, 4);
        Save(_run, 8);
    }

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void OpenNewest_SoundCheckpoint_GivesItsFolderAndCounters()
    {
        (string path, TrainingState state) = CheckpointFolder.OpenNewest(_run)!.Value;
        Assert.Equal(PathOf(8), path);
        Assert.Equal(State(8), state);
        Assert.Equal(Names, Directory.GetFiles(path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("random.bin")]
    [InlineData("state.json")]
    public void OpenNewest_OneFlippedBit_IsRefusedByNameOfferingTheOneBefore(string file)
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(PathOf(8), file));
        bytes[^2] ^= 1;
        File.WriteAllBytes(Path.Combine(PathOf(8), file), bytes);
        AssertRefused(Path.Combine(PathOf(8), file), "step-4");
    }

    [Theory]
    [InlineData("step")]
    [InlineData("epoch")]
    [InlineData("cursor")]
    [InlineData("tokens")]
    public void OpenNewest_CounterChangedInTheManifest_IsRefused(string counter)
    {
        Edit(manifest => manifest["training"]![counter] = 1_000_000);
        AssertRefused("manifest.json", "step-4");
    }

    [Fact]
    public void OpenNewest_CounterChangedWithItsHash_IsRefused()
    {
        string state = Path.Combine(PathOf(8), "state.json");
        File.WriteAllText(state, File.ReadAllText(state).Replace("\"cursor\":1", "\"cursor\":3", StringComparison.Ordinal));
        Edit(manifest => manifest["files"]!["state.json"] = FileHash.Sha256(state));
        AssertRefused("manifest.json", "step-4");
    }

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("state.json")]
    [InlineData("manifest.json")]
    public void OpenNewest_FileMissing_IsRefusedByName(string file)
    {
        File.Delete(Path.Combine(PathOf(8), file));
        AssertRefused(file, "step-4");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    public void OpenNewest_DamagedManifest_IsRefused(string content)
    {
        File.WriteAllText(Path.Combine(PathOf(8), "manifest.json"), content);
        AssertRefused(PathOf(8), "step-4");
    }

    [Fact]
    public void OpenNewest_FileNotInTheManifest_IsRefusedByName()
    {
        File.WriteAllText(Path.Combine(PathOf(8), "more.safetensors"), "x");
        AssertRefused("more.safetensors", "step-4");
    }

    [Fact]
    public void OpenNewest_FolderUnderAnotherStep_IsRefused()
    {
        Directory.Move(PathOf(8), PathOf(12));
        AssertRefused("folder's name", "step-4");
    }

    [Fact]
    public void OpenNewest_CheckpointOfAnotherRun_IsRefused()
    {
        using RunFolder other = NewRun("other");
        Save(other, 12);
        Directory.Move(Path.Combine(other.Checkpoints, "step-12"), PathOf(12));
        AssertRefused("belongs to another run", "step-8");
    }

    [Fact]
    public void OpenNewest_IdentityEdited_IsRefusedWithoutOfferingACheckpoint()
    {
        File.AppendAllText(_run.File(RunIdentity.FileName), " ");
        AssertRefused(_run.File(RunIdentity.FileName), "start a new run");
    }

    [Fact]
    public void OpenNewest_DamagedOneDeleted_GivesTheOneBefore()
    {
        Directory.Delete(PathOf(8), recursive: true);
        Assert.Equal(State(4), CheckpointFolder.OpenNewest(_run)!.Value.State);
    }

    [Theory]
    [InlineData("step-2.old")] // killed while it deleted an old one
    [InlineData("step-12.tmp")] // killed while it wrote a new one
    public void Save_LeftoverOfAKill_IsRemovedAndWasNeverACheckpoint(string leftover)
    {
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(_run.Checkpoints, leftover)).FullName, "state.json"), "{");
        Assert.Equal([8, 4], CheckpointFolder.Steps(_run));

        Save(_run, 12);

        Assert.Equal(["step-12", "step-8"], Directory.GetDirectories(_run.Checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Save_FirstOne_ShowsTheParentOnlyWithACompleteCheckpoint()
    {
        using RunFolder run = NewRun("new");
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(run.Checkpoints + ".tmp/step-2").FullName, "more.bin"), "left by a kill");
        CheckpointFolder.Save(run, State(4), keep: 2, path =>
        {
            Assert.False(Directory.Exists(run.Checkpoints));
            File.WriteAllText(Path.Combine(path, "weights.safetensors"), "weights");
        });

        Assert.Equal(State(4), CheckpointFolder.OpenNewest(run)!.Value.State);
        Assert.Equal(["step-4"], Directory.GetDirectories(run.Checkpoints).Select(Path.GetFileName));
        Assert.False(Directory.Exists(run.Checkpoints + ".tmp"));
    }

    /// <summary>A stop right after a resume saves the same step again.</summary>
    [Fact]
    public void Save_SameStepAgain_ReplacesItAndLeavesNothingElse()
    {
        CheckpointFolder.Save(_run, State(8), keep: 1, path => File.WriteAllText(Path.Combine(path, "weights.safetensors"), "newer"));
        Assert.Equal(["step-8"], Directory.GetDirectories(_run.Checkpoints).Select(Path.GetFileName));
        Assert.Equal("newer", File.ReadAllText(Path.Combine(CheckpointFolder.OpenNewest(_run)!.Value.Folder, "weights.safetensors")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Save_KilledBetweenTheRenamesOfTheSameStep_KeepsTheOlderOne(bool resumes)
    {
        Directory.Delete(PathOf(4), recursive: true); // step 8 is the only checkpoint
        Directory.Move(PathOf(8), PathOf(8) + ".replaced"); // as a save leaves them that is killed before its second rename
        Directory.CreateDirectory(PathOf(8) + ".tmp");

        if (resumes)
        {
            Assert.Equal((PathOf(8), State(8)), CheckpointFolder.OpenNewest(_run)!.Value);
        }

        Save(_run, 12);
        Assert.Equal(["step-12", "step-8"], Directory.GetDirectories(_run.Checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Directory.Delete(PathOf(12), recursive: true);
        Assert.Equal(State(8), CheckpointFolder.OpenNewest(_run)!.Value.State);
    }

    private RunFolder NewRun(string name)
    {
        var opened = RunFolder.Open(new RunRequest { Recipe = "r.json", Output = _folder.File(name) }, "r", 0);
        File.WriteAllText(opened.File(RunIdentity.FileName), $"identity of {name}");
        return opened;
    }

    private static void Save(RunFolder run, int step) => CheckpointFolder.Save(run, State(step), keep: 2, path =>
    {
        File.WriteAllText(Path.Combine(path, "weights.safetensors"), $"weights {step}");
        File.WriteAllText(Path.Combine(path, "random.bin"), $"random {step}");
    });

    private static TrainingState State(int step) => new(step, 2, 1, 100 * step, 1.25);

    private string PathOf(int step) => Path.Combine(_run.Checkpoints, $"step-{step}");

    private void Edit(Action<JsonNode> change)
    {
        string path = Path.Combine(PathOf(8), "manifest.json");
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(path))!;
        change(manifest);
        File.WriteAllText(path, manifest.ToJsonString());
    }

    private void AssertRefused(params string[] parts)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => CheckpointFolder.OpenNewest(_run));
        Assert.All(parts, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }
}
