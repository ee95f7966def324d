using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Runs a batch of groups through the policy and gathers the log-probs of its pairs.</summary>
internal static class PreferenceForward
{
    /// <summary>The log-probs of both sides of every pair, under policy and reference.</summary>
    /// <param name="policy">The policy; the gradient flows through its log-probs.</param>
    /// <param name="batch">Rows and pairs.</param>
    /// <param name="reference">log π_ref by completion row, nats; null if the loss needs none.</param>
    /// <param name="baseline">The loss's reference point; null if it needs none.</param>
    public static PairLogProbs Pairs(ILanguageModel policy, PreferenceBatch batch, float[]? reference, Tensor? baseline = null)
    {
        var rows = new PreferenceTensors(batch, policy.Device);
        Tensor sums = CompletionLogProbs.Sums(policy, rows); // [B]
        Tensor? frozen = reference is null ? null : Reference(batch, reference, policy.Device); // [B]
        return new PairLogProbs(
            sums.index_select(0, rows.Chosen), // [B] -> [P]
            sums.index_select(0, rows.Rejected),
            frozen?.index_select(0, rows.Chosen),
            frozen?.index_select(0, rows.Rejected),
            rows.Lengths.index_select(0, rows.Chosen),
            rows.Lengths.index_select(0, rows.Rejected),
            baseline);
    }

    /// <summary>KTO's reference point over the mismatched completions of a batch; null if the loss needs none.</summary>
    /// <param name="policy">The policy; no gradient is recorded.</param>
    /// <param name="groups">The batch's groups.</param>
    /// <param name="pairs">Holds the mismatched completions and their reference log-probs.</param>
    public static Tensor? Baseline(ILanguageModel policy, IReadOnlyList<PreferenceGroup> groups, ScoredPairs pairs)
    {
        if (pairs.Mismatched is null)
        {
            return null;
        }

        using IDisposable quiet = no_grad();
        PreferenceBatch batch = pairs.Mismatched.Of(groups);
        Tensor sums = CompletionLogProbs.Sums(policy, new PreferenceTensors(batch, policy.Device)); // [B]
        return Kto.ReferencePoint(sums - Reference(batch, pairs.Reference!, policy.Device));
    }

    private static Tensor Reference(PreferenceBatch batch, float[] reference, Device device) =>
        tensor(batch.CompletionRows.Select(row => reference[row]).ToArray(), device: device); // [B]
}
