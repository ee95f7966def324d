namespace Rudder.Engine.Scoring;

/// <summary>Groups sequences of similar length into batches of bounded size, so that little is computed on padding.</summary>
/// <remarks>
/// A batch ends at the bounds, and also where the next sequence would be padded by more than a quarter of the batch's width,
/// once the batch has the tokens that keep matrix products efficient on a processor. So no row of a larger batch is padded by
/// more than a quarter, and as each such cut makes the width shrink by a quarter, a call has only about
/// log(longest / shortest) / log(4/3) batches more than the bounds alone would make, however many its sequences are.
/// </remarks>
internal static class MicroBatcher
{
    private const int EfficientTokens = 128;                 // with fewer rows a product waits for its weights; with more it is near its full speed
    private const int PaddedPart = 4;                        // at most 1/4 of a row

    /// <summary>Splits sequences into batches, longest first.</summary>
    /// <param name="lengths">Tokens of each sequence, padding not counted.</param>
    /// <param name="outputs">Rows of output each sequence asks for.</param>
    /// <param name="maxTokens">Bound on rows × longest row of a batch; a single longer sequence forms its own.</param>
    /// <param name="maxOutputs">Bound on the sum of <paramref name="outputs"/>; a single larger one forms its own.</param>
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
