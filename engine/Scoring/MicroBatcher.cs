namespace Rudder.Engine.Scoring;

/// <summary>Groups sequences of similar length into batches of bounded size, to limit computation on padding.</summary>
/// <remarks>
/// A batch ends at the bounds. It also ends when the next sequence would need padding of more than a quarter of the batch's width and
/// the batch has enough tokens for efficient matrix products. So rows of a larger batch have at most a quarter of padding. Each such cut
/// reduces the width by a quarter, so a call has at most about log(longest / shortest) / log(4/3) more batches than the bounds alone
/// require, however many sequences it has.
/// </remarks>
internal static class MicroBatcher
{
    private const int EfficientTokens = 128;                 // below this, products wait for weights; above, near full speed
    private const int PaddedPart = 4;                        // at most 1/4 of a row

    /// <summary>Splits sequences into batches, longest first.</summary>
    /// <param name="lengths">Tokens of each sequence, excluding padding.</param>
    /// <param name="outputs">Output rows of each sequence.</param>
    /// <param name="maxTokens">Maximum of rows × longest row of a batch; a single longer sequence forms its own batch.</param>
    /// <param name="maxOutputs">Maximum sum of <paramref name="outputs"/> of a batch; a single larger sequence forms its own batch.</param>
    /// <returns>Batches of indices into <paramref name="lengths"/>; every index occurs once.</returns>
    public static IEnumerable<int[]> Split(IReadOnlyList<int> lengths, IReadOnlyList<int> outputs, int maxTokens, long maxOutputs)
    {
        List<int> batch = [];
        long held = 0;
        foreach (int index in Enumerable.Range(0, lengths.Count).OrderByDescending(i => lengths[i]))
        {
            bool ends = batch.Count > 0
                && (IsFull(batch.Count, lengths[batch[0]], maxTokens)
                    || held + outputs[index] > maxOutputs
                    || Wastes(batch.Count, lengths[batch[0]], lengths[index]));
            if (ends)
            {
                yield return [.. batch];
                batch.Clear();
                held = 0;
            }

            batch.Add(index);
            held += outputs[index];
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }

    private static bool IsFull(int rows, int width, int maxTokens) => (rows + 1L) * width > maxTokens;

    private static bool Wastes(int rows, int width, int length) => (long)rows * width >= EfficientTokens && length < width - (width / PaddedPart);
}
