using Rudder.Engine.Sampling;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Logits;

namespace Rudder.Trainer.Scoring;

/// <summary>Log-probabilities of completions under a language model on TorchSharp: raw, temperature 1, prompt and padding left out.</summary>
internal sealed class CompletionScorer(TorchDecoder model, int vocabularySize)
{
    private const int MaxTokens = 4096;
    private const int MaxLogits = 1 << 24;              // 64 MiB of float32

    /// <summary>log p of each completion token, in the order of the rows.</summary>
    public IReadOnlyList<double[]> TokenLogProbs(IReadOnlyList<ScoreRow> rows)
    {
        double[][] result = [.. rows.Select(row => new double[row.Length - row.PromptLength])];
        int maxPlaces = Math.Max(1, MaxLogits / vocabularySize);
        int[] lengths = [.. rows.Select(row => row.Length)], costs = [.. result.Select(values => values.Length)];
        foreach (int[] batch in MicroBatcher.Split(lengths, costs, MaxTokens, maxPlaces))
        {
            int[][] tokens = [.. batch.Select(row => rows[row].Windows[0])];
            var places = batch
                .SelectMany((row, index) => Enumerable.Range(rows[row].PromptLength - 1, costs[row]).Select(position => (Row: index, Position: position)))
                .ToList();
            foreach ((int Row, int Position)[] chunk in places.Chunk(maxPlaces))
            {
                Gather(model.Logits(tokens, chunk), chunk, batch, rows, result);
            }
        }

        return result;
    }

    private void Gather(
        float[] logits, (int Row, int Position)[] places, IReadOnlyList<int> batch, IReadOnlyList<ScoreRow> rows, double[][] result)
    {
        for (int i = 0; i < places.Length; i++)
        {
            (int index, int position) = places[i];
            ScoreRow row = rows[batch[index]];
            ReadOnlySpan<float> here = logits.AsSpan(i * vocabularySize, vocabularySize);
            result[batch[index]][position + 1 - row.PromptLength] = here[row.Windows[0][position + 1]] - LogitMath.LogSumExp(here);
        }
    }
}
