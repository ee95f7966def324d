using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Rl;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Rl;

public sealed class RolloutStatisticsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>π = (0.9, 0.1) and π_ref = (0.5, 0.5) everywhere: KL(π‖π_ref) = 0.9·ln 1.8 + 0.1·ln 0.2, not 0.5·ln(0.25/0.09).</summary>
    [Fact]
    public void Add_TwoCompletions_MatchesHandComputedFigures()
    {
        Rollout[] rollouts = [Completion([0, 1], [MathF.Log(0.9f), MathF.Log(0.1f) + 0.25f]), Completion([0], [MathF.Log(0.9f)])];
        PreferenceTensors rows = RolloutRows.Tensors(rollouts, CPU);
        var statistics = new RolloutStatistics();
        statistics.Add(rollouts, rows, Scores(0.9f, 0.1f, rows), Scores(0.5f, 0.5f, rows));

        double kl = (0.9 * Math.Log(1.8)) + (0.1 * Math.Log(0.2));
        Assert.Equal(2 * kl, statistics.SequenceKl[0], 1e-6);
        Assert.Equal(kl, statistics.SequenceKl[1], 1e-6);
        Assert.Equal(Math.Log(1.8) + Math.Log(0.2), statistics.SequenceK1[0], 1e-6);
        Assert.Equal(Math.Log(1.8), statistics.SequenceK1[1], 1e-6);
        var metrics = statistics.Metrics().ToDictionary();
        Assert.Equal(1.5 * kl, metrics["kl/seq_exact"], 1e-6);
        Assert.Equal(kl, metrics["kl/token_mean"], 1e-6);
        Assert.Equal(-(0.9 * Math.Log(0.9)) - (0.1 * Math.Log(0.1)), metrics["policy/entropy_avg"], 1e-6);
        Assert.Equal(0.25, metrics["rollout/logp_gap_max"], 1e-6);
        Assert.Throws<WorkFailedException>(() => statistics.RequireOnPolicy(1, 0.2));
        statistics.RequireOnPolicy(1, 0.3);
    }

    private static TokenScores Scores(float zero, float one, PreferenceTensors rows)
    {
        Tensor logits = tensor(new[] { MathF.Log(zero), MathF.Log(one) }).expand(3, 2); // [N,V]
        return new TokenScores(logits, SequenceLogProbs.OfTokens(logits, rows.Targets));
    }

    private static Rollout Completion(int[] ids, float[] logProbs) => new(new RolloutPrompt("p", [1], "p"), 0, ids, logProbs, 0, false, "p", "");
}
