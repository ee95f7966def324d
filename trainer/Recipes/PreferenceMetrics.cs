using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Averages metrics over the pairs of a step or an evaluation.</summary>
/// <param name="beta">Scales log-ratios to implicit rewards r̂ = β·(log π_θ − log π_ref), for every loss.</param>
internal sealed class PreferenceMetrics(double beta)
{
    private bool hasReference;
    private int correct;
    private double loss;
    private double rewardChosen;
    private double rewardRejected;
    private double logpChosen;
    private double logpRejected;

    /// <summary>Pairs added.</summary>
    public int Pairs { get; private set; }

    /// <summary>Tokens that the policy processed, without padding.</summary>
    public long Tokens { get; private set; }

    /// <summary>Mean loss over the pairs added.</summary>
    public double Loss => loss / Pairs;

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
        hasReference |= referenceChosen is not null;
        for (int p = 0; p < losses.Length; p++)
        {
            double winner = beta * ((double)chosen[p] - (referenceChosen?[p] ?? 0));
            double loser = beta * ((double)rejected[p] - (referenceRejected?[p] ?? 0));
            loss += losses[p];
            rewardChosen += winner;
            rewardRejected += loser;
            logpChosen += chosen[p];
            logpRejected += rejected[p];
            correct += winner > loser ? 1 : 0; // ties count as wrong
        }

        Pairs += losses.Length;
        Tokens += tokens;
    }

    /// <summary>Means of implicit rewards and log-probs. Without a reference there are no rewards, only log-probs.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Rewards()
    {
        List<KeyValuePair<string, double>> logps = [new("logps/chosen", logpChosen / Pairs), new("logps/rejected", logpRejected / Pairs)];
        double accuracy = (double)correct / Pairs;
        return !hasReference
            ? [new("logps/accuracies", accuracy), .. logps]
            :
            [
                new("rewards/chosen", rewardChosen / Pairs),
                new("rewards/rejected", rewardRejected / Pairs),
                new("rewards/accuracies", accuracy),
                new("rewards/margins", (rewardChosen - rewardRejected) / Pairs),
                .. logps,
            ];
    }
}
