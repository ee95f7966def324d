namespace Rudder.InferenceService.Scheduling;

/// <summary>Groups sequences of similar length into batches of bounded size, so that little is computed on padding.</summary>
internal static class MicroBatcher
{
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
            bool full = batch.Count > 0 && (((batch.Count + 1L) * lengths[batch[0]]) > maxTokens || held + outputs[index] > maxOutputs);
            if (full)
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
}
