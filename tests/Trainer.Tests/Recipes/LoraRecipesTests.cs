using System.Text.Json.Nodes;
using Rudder.Checkpoints;
using Rudder.Trainer.Adapters;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>Every recipe trains an adapter: the base stays as it is, a run resumes exactly, and the finished folder holds the merged weights.</summary>
public sealed class LoraRecipesTests : IDisposable
{
    private static readonly string[] Lora = ["lora.rank=2", "lora.alpha=4", "lora.dropout=0", "optimizer.learning_rate=0.02", "epochs=1", "save_type=fp32"];
    private readonly TinyTraining _world = new();

    public static TheoryData<string> Recipes => ["sft", "dpo", "kto", "reward", "reinforce", "rloo", "grpo", "ppo", "online-dpo"];

    public void Dispose() => _world.Dispose();

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Run_Lora_ResumesExactlyAndMergesIntoTheBase(string command)
    {
        (TrainingRecipe recipe, string model) = Recipe(command, Lora);
        RunFolder whole = _world.Train(recipe, "whole");
        RunFolder pieces = _world.TrainInterrupted(recipe, "pieces", out int stops);
        Assert.True(stops > 0);
        Assert.Equal(TinyTraining.Logged(whole, "loss"), TinyTraining.Logged(pieces, "loss"));
        foreach (string file in (string[])["model/model.safetensors", "model/adapter/adapter_model.safetensors", "model/adapter/adapter_config.json"])
        {
            Assert.Equal(File.ReadAllBytes(whole.File(file)), File.ReadAllBytes(pieces.File(file)));
        }

        Dictionary<string, float[]> before = Read(model), after = Read(whole.Model);
        string[] changed = [.. before.Keys.Where(name => !before[name].SequenceEqual(after[name]))];
        Assert.NotEmpty(changed);
        Assert.All(changed, name => Assert.Contains(".c_", name, StringComparison.Ordinal));
        Assert.All(before.Keys.Except(changed), name => Assert.DoesNotContain("attn.c_attn.weight", name, StringComparison.Ordinal));
        Assert.Equal(command == "reward" ? ["score.weight"] : [], after.Keys.Except(before.Keys));
        Assert.Equal(model, AdapterConfig.Load(whole.File("model/adapter")).Base);
        using var saved = Weights.OpenFile(whole.File($"checkpoints/step-{CheckpointFolder.Steps(whole).First()}/weights.safetensors"));
        Assert.All(saved.Tensors, tensor => Assert.Matches("lora_[AB]|score|value.head", tensor.Name)); // not the base
    }

    [Fact]
    public void Run_AdapterOfAnSftRun_GivesTheMergedModelOnItsBase()
    {
        (TrainingRecipe recipe, string model) = Recipe("sft", [.. Lora, "lora.target_modules=c_attn", "lora.rslora=true"]);
        RunFolder run = _world.Train(recipe, "run");
        using ILanguageModel carrier = ModelFolder.Load<ILanguageModel>(model, CPU, dropout: 0);
        using var adapted = new AdaptedLanguageModel(carrier, LoraAdapter.Load(carrier, run.File("model/adapter")), model);
        Dictionary<string, float[]> merged = Read(run.Model);
        Assert.All(adapted.Collect(), weight => Assert.Equal(merged[weight.Name], weight.Data.ToArray()));
    }

    [Fact]
    public void Run_BaseChanged_IsNotResumed()
    {
        (TrainingRecipe recipe, string model) = Recipe("sft", [.. Lora, "checkpoint_every=1"]);
        string file = _world.File("tiny.json");
        File.WriteAllText(file, RecipeReader.Write(recipe));
        RunFolder run = _world.Train(recipe, "run");
        byte[] bytes = File.ReadAllBytes(Path.Combine(model, "model.safetensors"));
        bytes[^1] ^= 1;
        File.WriteAllBytes(Path.Combine(model, "model.safetensors"), bytes);
        (int code, string error) = TrainerProgram.Run("sft", "--resume", run.Path);
        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains($"reference in {model}", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dpo", 0.6931471806)]
    [InlineData("kto", 0.5)]
    public void Run_Lora_StartsAtTheReference(string command, double first)
    {
        (TrainingRecipe recipe, _) = Recipe(command, [.. Lora, "epochs=4", "kl_prompts=2"]);
        RunFolder run = _world.Train(recipe, "run");
        double[] losses = TinyTraining.Values(run, "loss");
        Assert.Equal(first, losses[0], 1e-5);
        Assert.True(losses[^1] < first, $"the last loss is {losses[^1]}");
        JsonNode final = JsonNode.Parse(File.ReadAllText(run.Done))!["final"]!;
        Assert.True((double)final["eval/kl/seq_exact"]! > 1e-3);
    }

    /// <summary>The engine draws from the merged weights: its log-probs are those of the policy with its adapter.</summary>
    [Fact]
    public void Run_GrpoWithLora_DrawsFromTheMergedWeights()
    {
        (TrainingRecipe recipe, _) = Recipe("grpo", [.. Lora, "epochs=3", "max_logp_gap=0.0001"]);
        RunFolder run = _world.Train(recipe, "run");
        Assert.True(TinyTraining.Values(run, "kl/seq_exact")[^1] > 1e-3);
        Assert.Equal(0, TinyTraining.Values(run, "kl/seq_exact")[0], 1e-5);
    }

    [Fact]
    public void Run_LlamaInBf16_MovesTheAdapter()
    {
        string folder = new DecoderFixture("tiny-qwen3").Folder;
        string[] sets = ["precision=bf16", "lora.target_modules=[\"q_proj\",\"down_proj\"]", "export.fp32=true", "epochs=4"];
        RunFolder run = _world.Train(_world.Preference([.. Lora, $"model={folder}", .. sets]), "run");
        Assert.True(TinyTraining.Values(run, "loss")[^1] < 0.69);
        Assert.True(File.Exists(Path.Combine(run.Model, "onnx", "model.onnx")));
        Assert.Equal(["down_proj", "q_proj"], AdapterConfig.Load(run.File("model/adapter")).TargetModules);
    }

    [Fact]
    public void Run_ClassifierWithLora_TrainsHeadAndAdapter()
    {
        RunFolder reward = _world.Train(_world.Reward("max_steps=1"), "reward");
        RunFolder run = _world.Train(_world.Reward([.. Lora, $"model={reward.Model}"]), "run");
        Assert.NotEqual(Read(reward.Model)["score.weight"], Read(run.Model)["score.weight"]);
        JsonNode config = JsonNode.Parse(File.ReadAllText(run.File("model/adapter/adapter_config.json")))!;
        Assert.Equal("SEQ_CLS", (string)config["task_type"]!);
        Assert.Equal("score", (string)config["modules_to_save"]![0]!);
    }

    [Theory]
    [InlineData("freeze_blocks", "freeze_blocks=1")]
    [InlineData("sync_every", "reference.sync_every=2")]
    [InlineData("all-linear", "lora.target_modules=[\"all-linear\",\"c_attn\"]")]
    [InlineData("lora.rank", "lora.rank=0")]
    [InlineData("lora.alpha", "lora.alpha=0")]
    [InlineData("lora.target_modules", "lora.target_modules=[]")]
    public void Read_ContradictingSettings_AreRefused(string part, string set)
    {
        var error = Assert.Throws<BadInputException>(() => _world.Preference("lora.rank=2", set));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_NewModelOrFusedLayers_AreRefused()
    {
        Assert.Contains("lora", Assert.Throws<BadInputException>(() => _world.Sft("lora.rank=2")).Message, StringComparison.Ordinal);
        RunFolder classifier = _world.Train(_world.Classifier("max_steps=1"), "classifier");
        var error = Assert.Throws<BadInputException>(() => _world.Train(_world.Classifier("architecture=null", $"model={classifier.Model}", "lora.rank=2"), "run"));
        Assert.Contains("roberta", error.Message, StringComparison.Ordinal);
    }

    private static Dictionary<string, float[]> Read(string folder)
    {
        using var weights = Weights.Open(folder);
        return weights.Tensors.ToDictionary(tensor => tensor.Name, tensor => weights.ReadFloat32(tensor.Name));
    }

    private (TrainingRecipe Recipe, string Model) Recipe(string command, string[] sets)
    {
        string tiny = FixtureFiles.Folder("tiny-gpt2");
        switch (command)
        {
            case "dpo":
                return (_world.Preference(sets), tiny);
            case "kto":
                _world.Preference(); // writes the pairs
                return (_world.Kto([$"pairs={_world.File("pairs.jsonl")}", $"evaluation_pairs={_world.File("held-out.jsonl")}", .. sets]), tiny);
            case "reward":
                return (_world.Reward(sets), tiny);
            case "sft":
                string start = _world.Policy();
                return (_world.Sft([$"model={start}", "architecture=null", "tokenizer=null", .. sets]), start);
            default:
                string policy = _world.Policy();
                return (_world.OnPolicy(command, policy, sets), policy);
        }
    }
}
