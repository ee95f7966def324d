using Rudder.Checkpoints;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>Recipes work on any decoder: they know no family.</summary>
public sealed class DecoderFamiliesTests
{
    [Theory]
    [InlineData("tiny-llama")]
    [InlineData("tiny-qwen3")]
    public void Preference_OnAFixture_StartsAtLn2AndSeparatesThePairs(string fixture)
    {
        string folder = new DecoderFixture(fixture).Folder;
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Preference($"model={folder}", $"reference={folder}", "epochs=4", "export.fp32=true", "freeze_blocks=1"), "dpo");
        double[] losses = TinyTraining.Values(run, "loss");
        Assert.Equal(Math.Log(2), losses[0], 1e-5);
        Assert.True(losses[^1] < 0.6, $"the last loss is {losses[^1]}");
        Assert.True(File.Exists(Path.Combine(run.Model, "onnx", "model.onnx")));
    }

    [Fact]
    public void Reward_OnAFixture_MakesAClassifierThatExports()
    {
        string folder = new DecoderFixture("tiny-llama").Folder;
        using var world = new TinyTraining();
        RunFolder run = world.Train(world.Reward($"model={folder}", "export.fp32=true"), "reward");
        var config = (LlamaConfig)ModelConfig.Load(run.Model);
        Assert.True(config.IsClassifier);
        Assert.False(config.HasHead);
        Assert.True(File.Exists(Path.Combine(run.Model, "onnx", "model.onnx")));
    }

    /// <summary>Completions come from the engine in this process, whose weights are replaced in place after each step.</summary>
    [Fact]
    public void Grpo_OnANewDecoder_DrawsFromTheNewestWeights()
    {
        using var world = new TinyTraining();
        string policy = world.Train(world.Sft("architecture.model_type=llama", "architecture.key_value_heads=1", "evaluate_every=0"), "policy").Model;
        RunFolder run = world.Train(world.OnPolicy<GrpoRecipe>(policy, "max_logp_gap=0.0001", "optimizer.learning_rate=0.01"), "grpo");
        Assert.True(File.Exists(run.File("done.json"))); // a larger gap to the trainer's own log-probs stops the run
        Assert.NotEqual(File.ReadAllBytes(Path.Combine(policy, "model.safetensors")), File.ReadAllBytes(Path.Combine(run.Model, "model.safetensors")));
    }
}
