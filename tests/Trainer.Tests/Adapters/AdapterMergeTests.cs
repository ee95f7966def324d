using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Adapters;

/// <summary><c>trainer merge</c> and <c>trainer export</c> on adapters.</summary>
public sealed class AdapterMergeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tiny-llama-lora/all-linear")]
    [InlineData("tiny-gpt2-lora/c_attn")]
    public void Merge_BaseFromTheAdapter_WritesPeftsMergedModel(string name)
    {
        var fixture = new AdapterFixture(name);
        (int code, string error) = TrainerProgram.Run("merge", "--adapter", fixture.Folder, "--output", _folder.File("merged"));
        Assert.True(code == ExitCodes.Done, error);
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(_folder.File("merged"), CPU, dropout: 0);
        LoraAdapterTests.AssertLogits(fixture.Expected.GetProperty("merged"), fixture.Rows, model);
        Assert.Empty(Directory.GetDirectories(Path.GetDirectoryName(_folder.File("merged"))!, "*.tmp"));
    }

    [Fact]
    public void Export_Adapter_WritesTheMergedModelWithCheckedGraphs()
    {
        var fixture = new AdapterFixture("tiny-gpt2-lora/c_attn");
        string adapter = Copy(fixture, config => config["base_model_name_or_path"] = "nowhere");
        (int code, string error) = TrainerProgram.Run("export", "--model", adapter, "--output", _folder.File("out"));
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("'nowhere'", error, StringComparison.Ordinal);
        Assert.Contains("--base", error, StringComparison.Ordinal);

        (code, error) = TrainerProgram.Run("export", "--model", adapter, "--base", fixture.Base, "--output", _folder.File("out"));

        Assert.True(code == ExitCodes.Done, error);
        var report = ExportReport.Read(_folder.File("out/onnx"));
        Assert.Equal(Fingerprint.OfFolder(_folder.File("out")), report.Fingerprint);
        using ILanguageModel model = ModelFolder.Load<ILanguageModel>(_folder.File("out"), CPU, dropout: 0);
        LoraAdapterTests.AssertLogits(fixture.Expected.GetProperty("merged"), fixture.Rows, model);
    }

    [Fact]
    public void Export_AdapterWithoutOutput_IsRefused()
    {
        var fixture = new AdapterFixture("tiny-gpt2-lora/c_attn");
        (int code, string error) = TrainerProgram.Run("export", "--model", fixture.Folder);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("--output", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Merge_RewardRun_GivesItsFinishedModel()
    {
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Reward("lora.rank=2", "optimizer.learning_rate=0.02", "epochs=1"), "run");
        AdapterMerge.Write(null, run.File("model/adapter"), _folder.File("merged"), WeightType.F32);
        Assert.Equal(
            File.ReadAllBytes(run.File("model/model.safetensors")), File.ReadAllBytes(Path.Combine(_folder.File("merged"), ModelFiles.Safetensors)));
        Assert.True(ModelConfig.Load(_folder.File("merged")).IsClassifier);
    }

    [Fact]
    public void Merge_OutputNotEmptyOrAnotherBase_IsRefusedAndLeavesNothing()
    {
        var fixture = new AdapterFixture("tiny-llama-lora/qv");
        Directory.CreateDirectory(_folder.File("full"));
        File.WriteAllText(_folder.File("full/x"), "x");
        Assert.Contains("full", Assert.Throws<BadInputException>(() => Merge(null, _folder.File("full"))).Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => Merge(FixtureFiles.Folder("tiny-gpt2"), _folder.File("new")));
        Assert.Equal(["full"], Directory.GetFileSystemEntries(Path.GetDirectoryName(_folder.File("x"))!).Select(path => Path.GetFileName(path)));

        void Merge(string? folder, string output) => AdapterMerge.Write(folder, fixture.Folder, output, WeightType.F32);
    }

    private string Copy(AdapterFixture fixture, Action<JsonObject> change)
    {
        string target = _folder.File("adapter");
        Directory.CreateDirectory(target);
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(fixture.Folder, AdapterConfig.FileName)))!.AsObject();
        change(config);
        File.WriteAllText(Path.Combine(target, AdapterConfig.FileName), config.ToJsonString());
        File.Copy(Path.Combine(fixture.Folder, AdapterConfig.WeightsName), Path.Combine(target, AdapterConfig.WeightsName));
        return target;
    }
}
