using Rudder.Trainer.Rl;
using Rudder.Trainer.Tests.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Rl;

public sealed class PpoBatchTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>
    /// kl_coef 0.1, γ 0.9, λ 0.5. First: k1 0.5 and −1, so rewards −0.05 and 0.1 + 2; A₂ = 2.1 − 1, A₁ = −0.05 + 0.9·1 − 0.5 + 0.45·1.1.
    /// Second: k1 0.5, reward 0.95, A = 0.95 − 0.25. Whitened over 0.845, 1.1, 0.7.
    /// </summary>
    [Fact]
    public void Of_TwoCompletions_MatchesHandComputedTargets()
    {
        var batch = new PpoBatch(
            [Completion(2), Completion(1)],
            [new DrawnTokens([-1, -2], [-1.5f, -1], [0.5f, 1]), new DrawnTokens([-0.5f], [-1], [0.25f])],
            [2, 1],
            klCoefficient: 0.1,
            gamma: 0.9,
            lambda: 0.5);

        PpoTensors targets = batch.Of([0, 1], CPU);
        AssertClose([-1, -2, -0.5], targets.OldLogProbs);
        AssertClose([0.5, 1, 0.25], targets.OldValues);
        AssertClose([1.345, 2.1, 0.95], targets.Returns);
        AssertClose([-0.18106534, 1.07816178, -0.89709644], targets.Advantages);
        AssertClose([-0.89709644, -0.18106534, 1.07816178], batch.Of([1, 0], CPU).Advantages);
    }

    private static void AssertClose(double[] expected, Tensor actual) => GoldenLosses.AssertClose(expected, actual.to(float64));

    private static Rollout Completion(int tokens) =>
        new(new RolloutPrompt("p", [1], "p"), 0, [.. Enumerable.Range(1, tokens)], new float[tokens], 0, false, "p", "");
}
