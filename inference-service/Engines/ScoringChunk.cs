namespace Rudder.InferenceService.Engines;

/// <summary>One run of the log-prob graph: right-padded ids and the flat positions whose logits are wanted.</summary>
/// <remarks>Attention is causal, so padding on the right changes nothing before it and needs no mask.</remarks>
/// <param name="Ids">[B,T], row by row.</param>
/// <param name="Rows">B.</param>
/// <param name="Width">T.</param>
/// <param name="Positions">Indices b·T + t, [N].</param>
/// <param name="Targets">What each position predicts: which sequence, and which place of its completion.</param>
internal sealed record ScoringChunk(long[] Ids, int Rows, int Width, long[] Positions, IReadOnlyList<(int Sequence, int Place)> Targets)
{
    /// <summary>Tokens that go through the model: the last one predicts nothing.</summary>
    public static int FedTokens(ScoredSequence sequence) => sequence.PromptIds.Length + sequence.CompletionIds.Length - (sequence.CompletionIds.Length > 0 ? 1 : 0);

    /// <summary>The runs for one micro-batch: one, unless a single sequence has more positions than fit.</summary>
    public static IEnumerable<ScoringChunk> Make(IReadOnlyList<ScoredSequence> sequences, int[] rows, int maxPositions)
    {
        int width = rows.Max(row => FedTokens(sequences[row]));
        long[] ids = new long[rows.Length * width];
        List<long> positions = [];
        List<(int Sequence, int Place)> targets = [];
        for (int b = 0; b < rows.Length; b++)
        {
            var sequence = sequences[rows[b]];
            int t = 0;
            foreach (int id in sequence.PromptIds.Concat(sequence.CompletionIds).Take(FedTokens(sequence)))
            {
                ids[(b * width) + t++] = id;
            }

            for (int place = 0; place < sequence.CompletionIds.Length; place++)
            {
                positions.Add((b * width) + sequence.PromptIds.Length - 1 + place);
                targets.Add((rows[b], place));
            }
        }

        for (int start = 0; start < positions.Count; start += maxPositions)
        {
            int count = Math.Min(maxPositions, positions.Count - start);
            yield return new ScoringChunk(ids, rows.Length, width, [.. positions.GetRange(start, count)], targets.GetRange(start, count));
        }
    }
}
