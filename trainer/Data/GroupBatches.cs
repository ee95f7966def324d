namespace Rudder.Trainer.Data;

/// <summary>Deals groups into the batches of an epoch: shuffled by seed, groups of like length together.</summary>
/// <remarks>
/// The order is a pure function of (seed, epoch), so that a resumed run needs only the number of batches it has done.
/// Groups are shuffled, cut into windows of <see cref="BatchesPerWindow"/> batches, sorted by length inside a window, cut into
/// batches, and the batches shuffled: padding falls, and no batch order favours short prompts.
/// </remarks>
internal static class GroupBatches
{
    /// <summary>Batches whose groups are sorted together; larger saves more padding and mixes less.</summary>
    public const int BatchesPerWindow = 16;

    /// <summary>The batches of one epoch; every group is in exactly one, and only the last cut may be smaller.</summary>
    /// <param name="groups">All groups.</param>
    /// <param name="groupsPerBatch">Groups a batch, at least 1.</param>
    /// <param name="seed">The recipe's seed.</param>
    /// <param name="epoch">Epoch from 0; each has its own order.</param>
    public static IReadOnlyList<IReadOnlyList<PreferenceGroup>> Epoch(
        IReadOnlyList<PreferenceGroup> groups, int groupsPerBatch, uint seed, int epoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groupsPerBatch, 1);
        Random random = new(Mix(seed, epoch));
        PreferenceGroup[] shuffled = [.. groups];
        random.Shuffle(shuffled);
        List<IReadOnlyList<PreferenceGroup>> batches = [];
        foreach (PreferenceGroup[] window in shuffled.Chunk(groupsPerBatch * BatchesPerWindow))
        {
            batches.AddRange(window.OrderBy(group => group.Longest).Chunk(groupsPerBatch));
        }

        PreferenceGroup[][] order = [.. batches.Cast<PreferenceGroup[]>()];
        random.Shuffle(order);
        return order;
    }

    /// <summary>The batches of an evaluation: every group once, by length, the same on every call.</summary>
    /// <param name="groups">All groups.</param>
    /// <param name="groupsPerBatch">Groups a batch, at least 1.</param>
    public static IReadOnlyList<IReadOnlyList<PreferenceGroup>> InOrder(IReadOnlyList<PreferenceGroup> groups, int groupsPerBatch) =>
        [.. groups.OrderBy(group => group.Longest).Chunk(groupsPerBatch)];

    /// <summary>One number for (seed, epoch): neighbouring seeds and epochs give unrelated orders.</summary>
    private static int Mix(uint seed, int epoch)
    {
        uint mixed = unchecked((seed * 0x9E3779B9u) ^ ((uint)epoch * 0x85EBCA6Bu));
        mixed = unchecked((mixed ^ (mixed >> 16)) * 0x7FEB352Du); // finaliser of a 32-bit integer hash
        return unchecked((int)(mixed ^ (mixed >> 15)));
    }
}
