namespace Rudder.Engine.Scoring;

/// <summary>Input of one run of the log-prob graph: right-padded ids and the flat positions to compute logits for.</summary>
/// <remarks>Attention is causal, so right padding does not affect earlier tokens and needs no mask.</remarks>
/// <param name="Ids">[B,T], row by row.</param>
/// <param name="Rows">B.</param>
/// <param name="Width">T.</param>
/// <param name="Positions">Indices b·T + t, [N].</param>
/// <param name="Targets">The id that each position predicts, [N].</param>
/// <param name="Places">The sequence and completion index of each target, [N].</param>
internal sealed record ScoringChunk(long[] Ids, int Rows, int Width, long[] Positions, int[] Targets, (int Sequence, int Place)[] Places)
{
    /// <summary>Tokens that run through the model; the last one is left out because it predicts nothing.</summary>
    public static int FedTokens(ScoredSequence sequence) => sequence.PromptIds.Length + Math.Max(0, sequence.CompletionIds.Length - 1);

    /// <summary>Creates the input of one micro-batch.</summary>
    /// <param name="sequences">All sequences.</param>
    /// <param name="rows">Indices of the sequences in the micro-batch.</param>
    public static ScoringChunk Of(IReadOnlyList<ScoredSequence> sequences, int[] rows)
    {
        int width = rows.Max(row => FedTokens(sequences[row]));
        long[] ids = new long[rows.Length * width];
        List<long> positions = [];
        List<int> targets = [];
        List<(int Sequence, int Place)> places = [];
        for (int b = 0; b < rows.Length; b++)
        {
            var (prompt, completion) = sequences[rows[b]];
            for (int t = 0; t < FedTokens(sequences[rows[b]]); t++)
            {
                ids[(b * width) + t] = t < prompt.Length ? prompt[t] : completion[t - prompt.Length];
            }

            for (int place = 0; place < completion.Length; place++)
            {
                positions.Add((b * width) + prompt.Length - 1 + place);
                targets.Add(completion[place]);
                places.Add((rows[b], place));
            }
        }

        return new ScoringChunk(ids, rows.Length, width, [.. positions], [.. targets], [.. places]);
    }
}
