using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Averages KTO's metrics over the completions of a step or an evaluation.</summary>
/// <param name="beta">Scales log-ratios to implicit rewards.</param>
internal sealed class KtoMetrics(double beta)
{
    private readonly Side _desirable = new();
    private readonly Side _undesirable = new();
    private double _loss;
    private double _baseline;

    /// <summary>Completions added.</summary>
    public int Completions => _desirable.Count + _undesirable.Count;

    /// <summary>Tokens that the policy processed for the judged completions, without padding.</summary>
    public long Tokens { get; private set; }

    /// <summary>Mean loss over the completions added.</summary>
    public double Loss => _loss / Completions;

    /// <summary>Adds the completions of one forward pass.</summary>
    /// <param name="losses">Loss of each. [B]</param>
    /// <param name="logProbs">log π_θ of each, nats. [B]</param>
    /// <param name="logRatios">log π_θ − log π_ref of each, nats. [B]</param>
    /// <param name="desirable">Its judgement. [B]</param>
    /// <param name="baseline">z, nats. []</param>
    /// <param name="tokens">Tokens of the pass, without padding.</param>
    public void Add(Tensor losses, Tensor logProbs, Tensor logRatios, IReadOnlyList<bool> desirable, Tensor baseline, int tokens)
    {
        float[] loss = NamedParameters.Values(losses), logps = NamedParameters.Values(logProbs), ratios = NamedParameters.Values(logRatios);
        for (int i = 0; i < loss.Length; i++)
        {
            Side side = desirable[i] ? _desirable : _undesirable;
            _loss += loss[i];
            side.Count++;
            side.Rewards += beta * ratios[i];
            side.LogProbs += logps[i];
        }

        _baseline += NamedParameters.Values(baseline)[0] * loss.Length;
        Tokens += tokens;
    }

    /// <summary>Adds the completions of the other processes.</summary>
    public void Join(Ranks ranks)
    {
        double[] sums = ranks.Sum(_loss, _baseline, Tokens);
        (_loss, _baseline, Tokens) = (sums[0], sums[1], (long)sums[2]);
        foreach (Side side in (Side[])[_desirable, _undesirable])
        {
            double[] all = ranks.Sum(side.Count, side.Rewards, side.LogProbs);
            (side.Count, side.Rewards, side.LogProbs) = ((int)all[0], all[1], all[2]);
        }
    }

    /// <summary>z, and the means of rewards and log-probs by judgement; without those of a judgement that did not occur.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Values()
    {
        List<KeyValuePair<string, double>> values = [new("kl", _baseline / Completions)];
        foreach ((string name, Side side) in new[] { ("chosen", _desirable), ("rejected", _undesirable) })
        {
            if (side.Count > 0)
            {
                values.Add(new($"rewards/{name}", side.Rewards / side.Count));
                values.Add(new($"logps/{name}", side.LogProbs / side.Count));
            }
        }

        if (_desirable.Count > 0 && _undesirable.Count > 0)
        {
            values.Add(new("rewards/margins", (_desirable.Rewards / _desirable.Count) - (_undesirable.Rewards / _undesirable.Count)));
        }

        return values;
    }

    private sealed class Side
    {
        public int Count { get; set; }

        public double Rewards { get; set; }

        public double LogProbs { get; set; }
    }
}
