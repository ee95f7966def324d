namespace Rudder.Engine.Scoring;

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
    public static int FedTokens(ScoredSequence sequence) => sequence.PromptIds.Length + Math.Max(0, sequence.CompletionIds.Length - 1);

    /// <summary>The run of one micro-batch.</summary>
    /// <param name="sequences">All sequences.</param>
    /// <param name="rows">Those of the micro-batch.</param>
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
