using Rudder.Trainer.Data;
using Rudder.Trainer.Losses;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>Runs a batch of groups through the policy and gathers what a loss reads.</summary>
internal static class PreferenceForward
{
    /// <summary>The log-probs of both sides of every pair, under policy and reference.</summary>
    /// <param name="policy">The policy; the gradient flows through its log-probs.</param>
    /// <param name="batch">Rows and pairs.</param>
    /// <param name="reference">The reference; null if the loss needs none.</param>
    /// <param name="meanChosenLength">As <see cref="MeanChosenLength"/> gives it for the whole step.</param>
    public static PairLogProbs Pairs(ILanguageModel policy, PreferenceBatch batch, IReference? reference, double meanChosenLength)
    {
        var rows = new PreferenceTensors(batch, policy.Device);
        Tensor sums = CompletionLogProbs.Sums(policy, rows); // [B]
        Tensor? frozen = reference?.Of(batch, rows); // [B]
        return new PairLogProbs(
            sums.index_select(0, rows.Chosen), // [B] -> [P]
            sums.index_select(0, rows.Rejected),
            frozen?.index_select(0, rows.Chosen),
            frozen?.index_select(0, rows.Rejected),
            rows.Lengths.index_select(0, rows.Chosen),
            rows.Lengths.index_select(0, rows.Rejected))
        {
            MeanChosenLength = meanChosenLength,
        };
    }

    /// <summary>Log-ratios of the mismatched completions of all processes, without gradient; null if the loss needs none. [M]</summary>
    /// <param name="ranks">The processes that share the batch.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="groups">This process's groups of the batch.</param>
    /// <param name="pairs">Holds the mismatched completions and their reference.</param>
    public static Tensor? Mismatched(Ranks ranks, ILanguageModel policy, IReadOnlyList<PreferenceGroup> groups, ScoredPairs pairs)
    {
        if (pairs.Mismatched is null)
        {
            return null;
        }

        using IDisposable quiet = no_grad();
        float[] own = [];
        if (groups.Count > 0)
        {
            PreferenceBatch batch = pairs.Mismatched.Of(groups);
            var rows = new PreferenceTensors(batch, policy.Device);
            own = NamedParameters.Values(CompletionLogProbs.Sums(policy, rows) - pairs.Reference!.Of(batch, rows));
        }

        return tensor(ranks.Gather(own), device: policy.Device);
    }

    /// <summary>Mean tokens of a chosen completion over all pairs of some groups.</summary>
    public static double MeanChosenLength(IEnumerable<PreferenceGroup> groups) =>
        groups.SelectMany(group => group.Pairs.Select(pair => group.Completions[pair.Chosen].Ids.Length)).Average();
}
