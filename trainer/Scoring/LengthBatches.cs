namespace Rudder.Trainer.Scoring;

/// <summary>Groups rows of like length into batches, so that little padding is computed.</summary>
internal static class LengthBatches
{
    private const int MaxRows = 32;

    /// <summary>Indices of rows, longest batch first: the one that needs the most memory fails first if any does.</summary>
    /// <param name="lengths">Tokens of each row.</param>
    /// <param name="costs">What else is bounded, e.g. logits asked for, per row.</param>
    /// <param name="maxTokens">Bound on rows × longest row of a batch.</param>
    /// <param name="maxCost">Bound on the sum of costs of a batch. A single row may exceed either.</param>
    public static IEnumerable<IReadOnlyList<int>> Of(IReadOnlyList<int> lengths, IReadOnlyList<int> costs, int maxTokens, int maxCost)
    {
        var batch = new List<int>();
        int longest = 0;
        long cost = 0;
        foreach (int row in Enumerable.Range(0, lengths.Count).OrderByDescending(row => lengths[row]))
        {
            bool full = batch.Count == MaxRows || (long)longest * (batch.Count + 1) > maxTokens || cost + costs[row] > maxCost;
            if (batch.Count > 0 && full)
            {
                yield return batch;
                batch = [];
                longest = 0;
                cost = 0;
            }

            batch.Add(row);
            longest = Math.Max(longest, lengths[row]);
            cost += costs[row];
        }

        if (batch.Count > 0)
        {
            yield return batch;
        }
    }
}
