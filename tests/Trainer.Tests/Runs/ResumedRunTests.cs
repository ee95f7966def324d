using System.Text.Json.Nodes;
using Rudder.Datasets;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

/// <summary><c>trainer sft --resume</c> on run folders that were damaged, edited or left behind by a failed export.</summary>
public sealed class ResumedRunTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Resume_DamagedNewestCheckpointDeleted_EqualsTheUndisturbedRun()
    {
        RunFolder run = _world.Train(_world.Sft(), "run");
        byte[] weights = File.ReadAllBytes(run.File("model/model.safetensors"));
        string[] losses = TinyTraining.Logged(run, "loss");
        Flip(run.File("checkpoints/step-8/weights.safetensors"));

        (int code, string error) = Resume(run);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("step-8/weights.safetensors", error, StringComparison.Ordinal);
        Assert.Contains("step-4", error, StringComparison.Ordinal);

        Directory.Delete(run.File("checkpoints/step-8"), recursive: true);
        Assert.Equal(ExitCodes.Done, Resume(run).Code);
        Assert.Equal(weights, File.ReadAllBytes(run.File("model/model.safetensors")));
        Assert.Equal(losses, TinyTraining.Logged(run, "loss"));
    }

    [Fact]
    public void Resume_OwnRecipeEdited_IsRefusedNamingTheSetting()
    {
        RunFolder run = _world.Train(_world.Sft(), "run");
        JsonNode recipe = JsonNode.Parse(File.ReadAllText(run.File("recipe.json")))!;
        recipe["optimizer"]!["learning_rate"] = 0.1;
        File.WriteAllText(run.File("recipe.json"), recipe.ToJsonString());

        (int code, string error) = Resume(run);

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("optimizer.learning_rate was 0.01, is now 0.1", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("identity.json", "{")]
    [InlineData("identity.json", "null")]
    [InlineData("identity.json", "{\"settings\": 3, \"inputs\": {}}")]
    [InlineData("identity.json", "{\"settings\": {}, \"inputs\": null}")]
    [InlineData("environment.json", "{\"command\": ")]
    [InlineData("environment.json", "[1]")]
    [InlineData("environment.json", "{\"command\": {}}")]
    [InlineData("metrics.jsonl", "{\"split\":\"train\",\"step\":1}\n[]\n")]
    [InlineData("metrics.jsonl", "{\"split\":\"train\",\"step\":\"one\"}\n")]
    [InlineData("metrics.jsonl", "{\"split\":\"tr\n{\"split\":\"train\",\"step\":1}\n")]
    [InlineData("recipe.json", "{")]
    [InlineData("checkpoints/step-8/random.bin", "x")]
    public void Resume_DamagedFile_ExitsWith2NamingIt(string file, string content)
    {
        RunFolder run = _world.Train(_world.Sft(), "run");
        File.WriteAllText(run.File(file), content);

        (int code, string error) = Resume(run);

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains(run.File(file), error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Resume_ExportFailed_EndsWithTheMetricsOfARunWithoutABreak()
    {
        RunFolder whole = _world.Train(_world.Sft(), "whole");
        SftRecipe failing = _world.Sft("export.fp32=true", $"export.texts={_world.File("no-such-file.jsonl")}");
        DatasetException refused = Assert.Throws<DatasetException>(() => _world.Train(failing, "run"));
        Assert.Contains("no-such-file.jsonl: cannot be opened", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_world.File("run/done.json")));

        (int code, string error) = TrainerProgram.Run("sft", "--resume", _world.File("run"), "--set", "export.fp32=false");

        Assert.True(code == ExitCodes.Done, error);
        Assert.Equal(Lines(whole.Metrics), Lines(_world.File("run/metrics.jsonl")));
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(_world.File("run/model/model.safetensors")));
    }

    [Fact]
    public void Start_ThreadsZero_RecordsTheNumberAndResumesWithIt()
    {
        string recipe = _world.File("tiny.json");
        File.WriteAllText(recipe, RecipeReader.Write(_world.Sft("threads=0", "max_steps=4")));
        Assert.Equal(ExitCodes.Done, TrainerProgram.Run("sft", "--recipe", recipe, "--output", _world.File("run")).Code);
        Assert.Equal(ComputeDevice.PhysicalCores(), Threads("run"));

        int elsewhere = ComputeDevice.PhysicalCores() + 1; // a run begun on a machine with more cores
        _world.Train(_world.Sft($"threads={elsewhere}", "max_steps=4"), "moved");
        (int code, string error) = TrainerProgram.Run("sft", "--recipe", recipe, "--resume", _world.File("moved"));

        Assert.True(code == ExitCodes.Done, error);
        Assert.Equal(elsewhere, Threads("moved"));
    }

    [Fact]
    public void Start_DeviceAuto_RecordsTheDeviceAndResumesOnIt()
    {
        string recipe = _world.File("tiny.json");
        File.WriteAllText(recipe, RecipeReader.Write(_world.Sft("device=auto", "max_steps=4")));

        (int code, string error) = TrainerProgram.Run("sft", "--recipe", recipe, "--output", _world.File("run"));

        Assert.True(code == ExitCodes.Done, error);
        string device = ComputeDevice.Resolve("auto");
        Assert.Equal(device, (string?)JsonNode.Parse(File.ReadAllText(_world.File("run/recipe.json")))!["device"]);
        Assert.Equal(device, (string?)JsonNode.Parse(File.ReadAllText(_world.File("run/environment.json")))!["device"]);
        Assert.Equal(ExitCodes.Done, TrainerProgram.Run("sft", "--resume", _world.File("run")).Code);
    }

    [Fact]
    public void Start_DeviceOption_ReplacesTheRecipes()
    {
        string recipe = _world.File("tiny.json");
        File.WriteAllText(recipe, RecipeReader.Write(_world.Sft("device=cuda:99", "max_steps=4")));

        (int code, string error) = TrainerProgram.Run("sft", "--recipe", recipe, "--output", _world.File("refused"));
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("device is 'cuda:99'", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_world.File("refused")));

        (code, error) = TrainerProgram.Run("sft", "--recipe", recipe, "--device", "cpu", "--output", _world.File("run"));
        Assert.True(code == ExitCodes.Done, error);
        Assert.Equal("cpu", (string?)JsonNode.Parse(File.ReadAllText(_world.File("run/recipe.json")))!["device"]);
    }

    [Fact]
    public void Resume_OnAnotherDevice_IsRefusedNamingBoth()
    {
        RunFolder run = _world.Train(_world.Sft(), "run");
        string identity = File.ReadAllText(run.File("identity.json"));
        Assert.Contains("\"device\": \"cpu\"", identity, StringComparison.Ordinal);
        File.WriteAllText(run.File("identity.json"), identity.Replace("\"device\": \"cpu\"", "\"device\": \"cuda\"", StringComparison.Ordinal));

        (int code, string error) = Resume(run);

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("started on cuda, and the device is cpu now", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Resume_InputThatIsGone_IsNamed()
    {
        RunFolder run = _world.Train(_world.Sft(), "run");
        File.Delete(_world.Reviews);

        (int code, string error) = Resume(run);

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains($"{_world.Reviews} (now missing)", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Resume_InputThatWasNotThereBefore_IsNamed()
    {
        RunFolder run = _world.Train(_world.Sft(), "run");
        JsonNode identity = JsonNode.Parse(File.ReadAllText(run.File("identity.json")))!;
        identity["inputs"]!.AsObject().Remove(_world.Reviews);
        File.WriteAllText(run.File("identity.json"), identity.ToJsonString());

        (int code, string error) = Resume(run);

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains($"{_world.Reviews} (not there before)", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Start_FolderInUse_IsRefusedNamingTheProcess()
    {
        RunFolder run = _world.Train(_world.Sft(), "run");
        using var held = FolderLock.TryTake(run.Path, out _);

        (int code, string error) = Resume(run);

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains($"(process {Environment.ProcessId})", error, StringComparison.Ordinal);
    }

    private static (int Code, string Error) Resume(RunFolder run) => TrainerProgram.Run("sft", "--resume", run.Path);

    private static void Flip(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private int Threads(string run) => (int)JsonNode.Parse(File.ReadAllText(_world.File(run + "/recipe.json")))!["threads"]!;

    /// <summary>Lines of metrics.jsonl without the rate, which depends on the clock.</summary>
    private static string[] Lines(string metrics) =>
        [.. File.ReadLines(metrics).Select(line =>
        {
            JsonObject values = JsonNode.Parse(line)!.AsObject();
            values.Remove("tokens_per_second");
            return values.ToJsonString();
        })];
}
