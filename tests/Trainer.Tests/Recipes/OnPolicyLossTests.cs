using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>How each recipe puts its loss together: direction of the KL, accumulation over passes, and the baseline.</summary>
public sealed class OnPolicyLossTests : IDisposable
{
    private readonly TinyTraining _world = new();
    private readonly string _policy;
    private readonly string _reference;

    public OnPolicyLossTests()
    {
        _policy = _world.Policy();
        _reference = _world.Train(_world.Sft("evaluate_every=0", "seed=11", "epochs=10"), "reference").Model;
    }

    public void Dispose() => _world.Dispose();

    [Theory]
    [InlineData("reinforce", "alpha=100")]
    [InlineData("rloo", "kl_coef=100")]
    [InlineData("grpo", "beta=100")]
    [InlineData("ppo", "kl_coef=100", "batch.samples=4")]
    public void Run_StrongKlTerm_MovesThePolicyToItsReference(string command, params string[] sets)
    {
        double[] kl = Values(command, "run", "kl/seq_exact", [.. sets, "epochs=10"]); // 40 steps
        Assert.True(kl[^5..].Average() < 0.7 * kl[..5].Average(), string.Join(' ', kl));
    }

    [Fact]
    public void Run_FirstStep_LogsTheSameKlInEveryRecipe()
    {
        double expected = First("reinforce", "alpha=1");
        Assert.True(expected > 0.01);
        Assert.All(new[] { "rloo", "grpo", "ppo", "online-dpo" }, command => Assert.Equal(expected, First(command), 1e-5));

        double First(string command, params string[] sets) => Values(command, command, "kl/seq_exact", [.. sets, "batch.samples=4", "max_steps=1"])[0];
    }

    [Theory]
    [InlineData("reinforce", "alpha=0.5", "baseline=leave-one-out", "batch.samples=2")]
    [InlineData("rloo", "kl_coef=0.5")]
    [InlineData("grpo", "beta=0.5")]
    [InlineData("grpo", "beta=0.5", "variant=dapo")]
    [InlineData("ppo", "kl_coef=0.5", "ppo_epochs=1")]
    [InlineData("online-dpo")]
    public void Run_SmallForwardPasses_GiveTheLossAndGradientOfOnePass(string command, params string[] sets)
    {
        RunFolder one = Train(command, "one", [.. sets, "max_steps=1"]), parts = Train(command, "parts", [.. sets, "max_steps=1", "batch.sequences=4"]);
        foreach (string metric in new[] { "loss", "grad_norm" })
        {
            double expected = TinyTraining.Values(one, metric).Single();
            Assert.Equal(expected, TinyTraining.Values(parts, metric).Single(), 1e-5 * Math.Max(1, Math.Abs(expected)));
        }

        Assert.True(TinyTraining.Values(one, "grad_norm").Single() > 0.01);
    }

    /// <summary>
    /// Every completion has reward 1. The baseline excludes the step itself: it is 0 in the first step, whose loss is −log π, and 1 in the second.
    /// </summary>
    [Fact]
    public void Run_RunningMeanOfAConstantReward_BeginsAtZeroAndThenCancelsIt()
    {
        const string One = """rewards=[{"name":"one","kind":"regex","pattern":"^"}]""";
        double[] none = Values("reinforce", "none", "loss", One, "max_steps=2"), mean = Values("reinforce", "mean", "loss", One, "max_steps=2", "baseline=running-mean");
        Assert.True(none[0] > 5, $"{none[0]}"); // up to 8 tokens of more than 1 nat each
        Assert.Equal(none[0], mean[0]);
        Assert.True(none[1] > 5, $"{none[1]}");
        Assert.Equal(0, mean[1], 1e-6);
    }

    private RunFolder Train(string command, string output, string[] sets) =>
        _world.Train(_world.OnPolicy(command, _policy, [$"reference={_reference}", .. sets]), output);

    private double[] Values(string command, string output, string metric, params string[] sets) => TinyTraining.Values(Train(command, output, sets), metric);
}
