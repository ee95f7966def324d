namespace Rudder.InferenceService.Engines;

/// <summary>One run of the log-prob graph: right-padded ids and the flat positions whose logits are wanted.</summary>
/// <remarks>Attention is causal, so padding on the right changes nothing before it and needs no mask.</remarks>
/// <param name="Ids">[B,T], row by row.</param>
/// <param name="Rows">B.</param>
/// <param name="Width">T.</param>
/// <param name="Positions">Indices b·T + t, [N].</param>
/// <param name="Targets">The id that each position predicts, [N].</param>
/// <param name="Places">Where each target stands: which sequence, and which place of its completion, [N].</param>
internal sealed record ScoringChunk(long[] Ids, int Rows, int Width, long[] Positions, int[] Targets, (int Sequence, int Place)[] Places)
{
    /// <summary>Tokens that go through the model: the last one predicts nothing.</summary>
    public static int FedTokens(ScoredSequence sequence) => Fed(sequence, sequence.CompletionIds.Length);

    /// <summary>The runs for one micro-batch: one, unless a single sequence has more positions than fit.</summary>
    /// <remarks>
    /// Each run of such a sequence repeats the model on what comes before its positions, but not on what comes after them: the
    /// run that is not full is the first, where that is least.
    /// </remarks>
    /// <param name="sequences">All sequences.</param>
    /// <param name="rows">Those of the micro-batch; of several the positions fit together.</param>
    /// <param name="maxPositions">Positions of one run, at least 1.</param>
    public static IEnumerable<ScoringChunk> Make(IReadOnlyList<ScoredSequence> sequences, int[] rows, int maxPositions)
    {
        int places = rows.Max(row => sequences[row].CompletionIds.Length);
        int step = rows.Length > 1 ? Math.Max(1, places) : maxPositions;
        int end = ((places - 1) % step) + 1;
        for (int start = 0; start < places; start = end, end += step)
        {
            yield return Of(sequences, rows, start, end);
        }
    }

    /// <summary>The run that scores places <paramref name="start"/> to below <paramref name="end"/> of each completion.</summary>
    private static ScoringChunk Of(IReadOnlyList<ScoredSequence> sequences, int[] rows, int start, int end)
    {
        int width = rows.Max(row => Fed(sequences[row], end));
        long[] ids = new long[rows.Length * width];
        List<long> positions = [];
        List<int> targets = [];
        List<(int Sequence, int Place)> places = [];
        for (int b = 0; b < rows.Length; b++)
        {
            var (prompt, completion) = sequences[rows[b]];
            for (int t = 0; t < Fed(sequences[rows[b]], end); t++)
            {
                ids[(b * width) + t] = t < prompt.Length ? prompt[t] : completion[t - prompt.Length];
            }

            for (int place = start; place < Math.Min(end, completion.Length); place++)
            {
                positions.Add((b * width) + prompt.Length - 1 + place);
                targets.Add(completion[place]);
                places.Add((rows[b], place));
            }
        }

        return new ScoringChunk(ids, rows.Length, width, [.. positions], [.. targets], [.. places]);
    }

    /// <summary>Tokens that lead to the first <paramref name="places"/> of the completion.</summary>
    private static int Fed(ScoredSequence sequence, int places) =>
        sequence.PromptIds.Length + Math.Max(0, Math.Min(places, sequence.CompletionIds.Length) - 1);
}
