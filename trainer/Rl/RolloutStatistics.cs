using System.Globalization;
using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Rl;

/// <summary>KL, entropy and shape of a step's completions, and the distance between trainer and engine.</summary>
internal sealed class RolloutStatistics
{
    private List<float> _exact = [];
    private List<float> _k1 = [];
    private List<Rollout> _rollouts = [];
    private double _entropy;
    private double _gap;

    /// <summary>Exact KL along each completion added, nats, in order.</summary>
    public IReadOnlyList<float> SequenceKl => _exact;

    /// <summary>log π_θ − log π_ref of each completion added, nats, in order.</summary>
    public IReadOnlyList<float> SequenceK1 => _k1;

    /// <summary>Mean over the completions of <see cref="SequenceK1"/>, nats.</summary>
    public double MeanK1 => _k1.Average();

    /// <summary>Adds the completions of a forward pass.</summary>
    /// <param name="rollouts">The completions.</param>
    /// <param name="rows">The same as tensors.</param>
    /// <param name="policy">The policy's scores; no gradient is recorded.</param>
    /// <param name="reference">The reference's.</param>
    /// <param name="exactKl">Exact KL of each token's state, nats; null to compute it here. [N]</param>
    public void Add(
        IReadOnlyList<Rollout> rollouts, PreferenceTensors rows, TokenScores policy, TokenScores reference, Tensor? exactKl = null)
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        Tensor exact = exactKl?.detach() ?? Kl.Exact(policy.Logits.detach(), reference.Logits); // [N]
        Tensor logProbs = policy.LogProbs.detach(); // [N]
        _exact.AddRange(NamedParameters.Values(SequenceLogProbs.SumPerSequence(exact, rows.Slots)));
        _k1.AddRange(NamedParameters.Values(SequenceLogProbs.SumPerSequence(Kl.K1(logProbs, reference.LogProbs), rows.Slots)));
        _entropy += policy.Entropy().sum().item<float>();
        float[] trained = NamedParameters.Values(logProbs);
        float[] drawn = [.. rollouts.SelectMany(rollout => rollout.LogProbs)];
        for (int i = 0; i < trained.Length; i++)
        {
            _gap = Math.Max(_gap, Math.Abs((double)trained[i] - drawn[i])); // Max keeps NaN
        }

        _rollouts.AddRange(rollouts);
    }

    /// <summary>Adds what the other processes measured on their parts.</summary>
    /// <param name="ranks">The processes.</param>
    /// <param name="all">The completions of all of them, in order.</param>
    public void Join(Ranks ranks, IReadOnlyList<Rollout> all)
    {
        _exact = [.. ranks.Gather([.. _exact])];
        _k1 = [.. ranks.Gather([.. _k1])];
        _entropy = ranks.Sum(_entropy)[0];
        _gap = ranks.Gather([_gap]).Aggregate(Math.Max); // keeps NaN
        _rollouts = [.. all];
    }

    /// <summary>Requires that the engine drew from the policy that is trained.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="limit">Largest difference of a token's log-prob, nats.</param>
    /// <exception cref="WorkFailedException">The difference is larger; no parameter has changed.</exception>
    public void RequireOnPolicy(int step, double limit)
    {
        if (!(_gap <= limit))
        {
            throw new WorkFailedException(string.Create(
                CultureInfo.InvariantCulture,
                $"Step {step}: a token's log-prob differs by {_gap:0.######} nats between trainer and engine; max_logp_gap is {limit}. "
                + $"The completions are not the policy's own. The last checkpoint is kept. Resume to export the policy anew; "
                + $"raise max_logp_gap only for bf16, or for a device of lower precision."));
        }
    }

    /// <summary>The values to log.</summary>
    public IEnumerable<KeyValuePair<string, double>> Metrics()
    {
        double tokens = _rollouts.Sum(rollout => (double)rollout.Ids.Length);
        return
        [
            new("kl/seq_exact", _exact.Average()),
            new("kl/seq_k1", MeanK1),
            new("kl/token_mean", _exact.Sum(kl => (double)kl) / tokens),
            new("policy/entropy_avg", _entropy / tokens),
            new("rollout/length_mean", tokens / _rollouts.Count),
            new("rollout/ended", _rollouts.Average(rollout => rollout.Ended ? 1.0 : 0)),
            new("rollout/repetition", _rollouts.Average(rollout => Repetition.Of(rollout.Ids))),
            new("rollout/distinct", Repetition.Distinct(_rollouts)),
            new("rollout/logp_gap_max", _gap),
        ];
    }
}
