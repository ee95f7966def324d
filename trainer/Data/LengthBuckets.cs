namespace Rudder.Trainer.Data;

/// <summary>Plans an epoch's batches: rows of similar length share a batch, which reduces padding.</summary>
internal static class LengthBuckets
{
    private const int BatchesPerPool = 50;

    /// <summary>Shuffles, sorts by length inside pools of 50 batches, cuts, and shuffles the batches.</summary>
    /// <param name="lengths">Length of each row.</param>
    /// <param name="batchSize">Rows per batch; the last batch of the last pool may have fewer.</param>
    /// <param name="random">Decides the order; the same state gives the same plan.</param>
    /// <returns>Row indices of each batch; every row occurs once.</returns>
    public static IReadOnlyList<int[]> Plan(IReadOnlyList<int> lengths, int batchSize, Random random)
    {
        int[] order = [.. Enumerable.Range(0, lengths.Count)];
        random.Shuffle(order);
        int[][] batches = order
            .Chunk(BatchesPerPool * batchSize)
            .SelectMany(pool => pool.OrderBy(i => lengths[i]).Chunk(batchSize)) // OrderBy is stable: equal lengths stay shuffled
            .ToArray();
        random.Shuffle(batches);
        return batches;
    }
}
