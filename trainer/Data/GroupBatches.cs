namespace Rudder.Trainer.Data;

/// <summary>Assigns groups to the batches of an epoch: shuffled by seed, similar lengths together.</summary>
/// <remarks>The order is a pure function of (seed, epoch): a resumed run needs only the number of batches it has done.</remarks>
internal static class GroupBatches
{
    /// <summary>The batches of one epoch; every group is in exactly one, and only one batch may be smaller.</summary>
    /// <param name="groups">All groups.</param>
    /// <param name="groupsPerBatch">Groups per batch, at least 1.</param>
    /// <param name="seed">The recipe's seed.</param>
    /// <param name="epoch">Epoch from 0; each has its own order.</param>
    public static IReadOnlyList<IReadOnlyList<PreferenceGroup>> Epoch(
        IReadOnlyList<PreferenceGroup> groups, int groupsPerBatch, int seed, int epoch)
    {
        int[] lengths = [.. groups.Select(group => group.Longest)];
        IReadOnlyList<int[]> plan = LengthBuckets.Plan(lengths, groupsPerBatch, EpochRandom.Of(seed, epoch));
        return [.. plan.Select(batch => (IReadOnlyList<PreferenceGroup>)[.. batch.Select(i => groups[i])])];
    }

    /// <summary>The batches of an evaluation: every group once, by length, the same on every call.</summary>
    /// <param name="groups">All groups.</param>
    /// <param name="groupsPerBatch">Groups per batch, at least 1.</param>
    public static IReadOnlyList<IReadOnlyList<PreferenceGroup>> InOrder(IReadOnlyList<PreferenceGroup> groups, int groupsPerBatch) =>
        [.. groups.OrderBy(group => group.Longest).Chunk(groupsPerBatch)];
}
