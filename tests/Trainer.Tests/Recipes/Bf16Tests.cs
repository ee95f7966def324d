using Rudder.Terminal;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>Every recipe in bf16, against itself in fp32.</summary>
public sealed class Bf16Tests : IDisposable
{
    private const string Bf16 = "precision=bf16";
    private readonly TinyTraining _world = new();

    public static TheoryData<string> OnPolicyCommands => ["reinforce", "rloo", "grpo", "ppo", "online-dpo"];

    [Theory]
    [InlineData("sft")]
    [InlineData("classifier")]
    [InlineData("dpo")]
    [InlineData("kto")]
    [InlineData("reward")]
    [InlineData("sft", "architecture.model_type=qwen3")]
    [InlineData("sft", "architecture.model_type=gpt_neox")]
    public void Train_InBf16_FollowsTheLossesOfFp32WithinOnePercent(string command, params string[] sets)
    {
        double[] exact = TinyTraining.Values(_world.Train(Recipe(command, sets), "fp32"), "loss");
        double[] rounded = TinyTraining.Values(_world.Train(Recipe(command, [.. sets, Bf16]), "bf16"), "loss");

        Assert.Equal(exact.Length, rounded.Length);
        Assert.NotEqual(exact, rounded);
        Assert.All(exact.Zip(rounded), pair => Assert.InRange(pair.Second / pair.First, 0.99, 1.01));
    }

    [Theory]
    [MemberData(nameof(OnPolicyCommands))]
    public void Train_OnPolicyInBf16_DiffersFromTheEngineByLessThanTheLimit(string command)
    {
        string policy = _world.Policy();
        RunFolder run = _world.Train(_world.OnPolicy(command, policy, [.. Samples(command), Bf16, "max_logp_gap=0.1"]), "run");

        double[] gaps = TinyTraining.Values(run, "rollout/logp_gap_max");
        Assert.All(gaps, gap => Assert.InRange(gap, 1e-4, 0.1)); // fp32 stays below 1e-5
        Assert.True(File.Exists(run.Done));
    }

    [Theory]
    [MemberData(nameof(OnPolicyCommands))]
    public void Parse_OnPolicyInBf16WithoutALimit_IsRefused(string command)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => _world.OnPolicy(command, "policy", [.. Samples(command), Bf16]));
        Assert.Contains("max_logp_gap is 0.001", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sft")]
    [InlineData("dpo")]
    public void Resume_InBf16_GivesTheSameBits(string command)
    {
        RunFolder whole = _world.Train(Recipe(command, Bf16), "whole");
        RunFolder parts = _world.TrainInterrupted(Recipe(command, Bf16), "parts", out int stops);

        Assert.True(stops > 3);
        Assert.Equal(TinyTraining.Logged(whole, "loss"), TinyTraining.Logged(parts, "loss"));
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(parts.File("model/model.safetensors")));
    }

    [Theory]
    [InlineData("reinforce")]
    [InlineData("grpo")]
    public void Resume_OnPolicyInBf16_GivesTheSameBits(string command)
    {
        OnPolicyRecipe recipe = _world.OnPolicy(command, _world.Policy(), [.. Samples(command), Bf16, "max_logp_gap=0.5"]);
        RunFolder whole = _world.Train(recipe, "whole"), parts = _world.TrainInterrupted(recipe, "parts", out int stops);

        Assert.True(stops > 0);
        Assert.Equal(File.ReadAllBytes(whole.File("model/model.safetensors")), File.ReadAllBytes(parts.File("model/model.safetensors")));
    }

    [Fact]
    public void Resume_InAnotherPrecision_IsRefusedNamingIt()
    {
        RunFolder run = _world.Train(Recipe("sft"), "run");

        (int code, string error) = TrainerProgram.Run("sft", "--resume", run.Path, "--set", Bf16);

        Assert.Equal(ExitCodes.BadInput, code);
        Assert.Contains("precision", error, StringComparison.Ordinal);
        Assert.Contains("has changed", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_TheSameReferenceInBothPrecisions_CachesItTwice()
    {
        _world.Train(Recipe("dpo"), "fp32");
        _world.Train(Recipe("dpo", Bf16), "bf16");

        Assert.Equal(4, Directory.GetFiles(_world.File("reference-cache")).Length); // training and held-out pairs
    }

    public void Dispose() => _world.Dispose();

    private static string[] Samples(string command) => command is "reinforce" or "ppo" ? [] : ["batch.samples=2"];

    private TrainingRecipe Recipe(string command, params string[] sets) => command switch
    {
        "sft" => _world.Sft(sets),
        "classifier" => _world.Classifier(sets),
        "dpo" => _world.Preference(sets),
        "kto" => Kto(sets),
        _ => _world.Reward(sets),
    };

    private KtoRecipe Kto(string[] sets)
    {
        _world.Preference(); // writes the pairs
        return _world.Kto([$"pairs={_world.File("pairs.jsonl")}", .. sets]);
    }
}
