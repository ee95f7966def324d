namespace Rudder.Trainer.Rl;

/// <summary>All ordered pairs of each prompt's completions by reward; ties and equal completions give none.</summary>
internal static class RankedPairs
{
    /// <summary>The pairs as indices into the completions, in the order (0,1), (0,2), … of each group.</summary>
    /// <param name="rollouts">Whole groups in order.</param>
    /// <param name="scores">Reward of each completion.</param>
    /// <param name="samples">Completions of a group.</param>
    public static IReadOnlyList<(int Chosen, int Rejected)> Of(IReadOnlyList<Rollout> rollouts, IReadOnlyList<double> scores, int samples)
    {
        List<(int Chosen, int Rejected)> pairs = [];
        for (int start = 0; start < rollouts.Count; start += samples)
        {
            for (int i = start; i < start + samples; i++)
            {
                for (int j = i + 1; j < start + samples; j++)
                {
                    // Equal completions can differ in score only by rounding.
                    if (scores[i] != scores[j] && !rollouts[i].Ids.AsSpan().SequenceEqual(rollouts[j].Ids))
                    {
                        pairs.Add(scores[i] > scores[j] ? (i, j) : (j, i));
                    }
                }
            }
        }

        return pairs;
    }
}
