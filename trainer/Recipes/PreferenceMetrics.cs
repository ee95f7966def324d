using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Averages metrics over the pairs of a step or an evaluation.</summary>
/// <param name="beta">Scales log-ratios to implicit rewards r̂ = β·(log π_θ − log π_ref), for every loss.</param>
internal sealed class PreferenceMetrics(double beta)
{
    private bool _hasReference;
    private int _correct;
    private double _loss;
    private double _rewardChosen;
    private double _rewardRejected;
    private double _logpChosen;
    private double _logpRejected;

    /// <summary>Pairs added.</summary>
    public int Pairs { get; private set; }

    /// <summary>Tokens that the policy processed, without padding.</summary>
    public long Tokens { get; private set; }

    /// <summary>Mean loss over the pairs added.</summary>
    public double Loss => _loss / Pairs;

    /// <summary>Adds the pairs of one forward pass.</summary>
    /// <param name="batch">Both sides' log-probs. [P]</param>
    /// <param name="perPair">Loss of each pair. [P]</param>
    /// <param name="tokens">Tokens of the pass, without padding.</param>
    public void Add(PairLogProbs batch, Tensor perPair, int tokens)
    {
        float[] losses = NamedParameters.Values(perPair);
        float[] chosen = NamedParameters.Values(batch.Chosen);
        float[] rejected = NamedParameters.Values(batch.Rejected);
        float[]? referenceChosen = batch.ReferenceChosen is Tensor c ? NamedParameters.Values(c) : null;
        float[]? referenceRejected = batch.ReferenceRejected is Tensor r ? NamedParameters.Values(r) : null;
        _hasReference |= referenceChosen is not null;
        for (int p = 0; p < losses.Length; p++)
        {
            double winner = beta * ((double)chosen[p] - (referenceChosen?[p] ?? 0));
            double loser = beta * ((double)rejected[p] - (referenceRejected?[p] ?? 0));
            _loss += losses[p];
            _rewardChosen += winner;
            _rewardRejected += loser;
            _logpChosen += chosen[p];
            _logpRejected += rejected[p];
            _correct += winner > loser ? 1 : 0; // ties count as wrong
        }

        Pairs += losses.Length;
        Tokens += tokens;
    }

    /// <summary>Adds the pairs of the other processes.</summary>
    public void Join(Ranks ranks)
    {
        double[] all = ranks.Sum(
            _loss, _rewardChosen, _rewardRejected, _logpChosen, _logpRejected, _correct, Pairs, Tokens, _hasReference ? 1 : 0);
        (_loss, _rewardChosen, _rewardRejected, _logpChosen, _logpRejected) = (all[0], all[1], all[2], all[3], all[4]);
        (_correct, Pairs, Tokens, _hasReference) = ((int)all[5], (int)all[6], (long)all[7], all[8] > 0);
    }

    /// <summary>Means of implicit rewards and log-probs. Without a reference there are no rewards, only log-probs.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Rewards()
    {
        List<KeyValuePair<string, double>> logps = [new("logps/chosen", _logpChosen / Pairs), new("logps/rejected", _logpRejected / Pairs)];
        double accuracy = (double)_correct / Pairs;
        return !_hasReference
            ? [new("logps/accuracies", accuracy), .. logps]
            :
            [
                new("rewards/chosen", _rewardChosen / Pairs),
                new("rewards/rejected", _rewardRejected / Pairs),
                new("rewards/accuracies", accuracy),
                new("rewards/margins", (_rewardChosen - _rewardRejected) / Pairs),
                .. logps,
            ];
    }
}
