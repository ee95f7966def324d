using System.Globalization;
using Rudder.Checkpoints;
using Rudder.Trainer.Logits;

namespace Rudder.Trainer.Export;

/// <summary>
/// Compares exported graphs with the TorchSharp model on the same tokens and refuses graphs that differ. Bounds float32 by the
/// largest |Δ log-prob| over the whole vocabulary, int8 and float16 by the mean KL per token.
/// </summary>
/// <param name="settings">Holds the bounds for int8 and float16.</param>
internal sealed class ParityCheck(ExportSettings settings)
{
    /// <summary>Tokens of each row to feed one at a time through the cache, if the context allows.</summary>
    public const int CachedSteps = 8;

    private const double AbsoluteLimit = 1e-4;
    private const double RelativeLimit = 1e-5;          // relative to the largest |logit|, if that gives more
    private const int TextRows = 8;
    private const int TextPrompt = 4;

    /// <summary>Checks the log-prob graph on whole ragged sequences.</summary>
    public GraphFigures LogProbs(ISequenceLogits model, ISequenceLogits graph, IReadOnlyList<int[]> rows)
    {
        var comparison = new LogitComparison();
        var places = Places(rows, 0);
        float[] expected = Read(model, rows, places);
        graph.Logits(rows, places, actual => Compare(comparison, expected, actual, rows, places));
        return Accept(GraphFiles.LogProbs, comparison);
    }

    /// <summary>Checks the decoder: prefills ragged prompts, then decodes <paramref name="steps"/> tokens of each row.</summary>
    public GraphFigures Decoder(ISequenceLogits model, DecoderGraph graph, IReadOnlyList<int[]> rows, int steps)
    {
        var comparison = new LogitComparison();
        Replay(model, graph, rows, [.. rows.Select(row => row.Length - steps)], (comparison, RoundCache: false));
        return Accept(GraphFiles.Model(GraphPrecision.Fp32), comparison);
    }

    /// <summary>
    /// Checks the int8 decoder token by token, twice: with a float32 cache, as in GenAI, and with a bfloat16 cache, as in the
    /// service's slot engine. Both must stay within the bound.
    /// </summary>
    public GraphFigures Int8Decoder(ISequenceLogits model, DecoderGraph graph, IReadOnlyList<int[]> rows)
    {
        var (fp32, bf16) = (new LogitComparison(), new LogitComparison());
        ReplayTexts(model, graph, rows, (fp32, RoundCache: false), (bf16, RoundCache: true));
        GraphFigures figures = AcceptInt8(GraphFiles.Model(GraphPrecision.Int8), "token", fp32);
        return figures with { MeanKlBf16Cache = AcceptInt8($"{GraphFiles.Model(GraphPrecision.Int8)} with its cache in bfloat16", "token", bf16).MeanKl };
    }

    /// <summary>Checks the float16 decoder, slowly: the CPU computes parts in float32, so a GPU rounds a little differently.</summary>
    public GraphFigures Fp16Decoder(ISequenceLogits model, DecoderGraph graph, IReadOnlyList<int[]> rows)
    {
        var comparison = new LogitComparison();
        ReplayTexts(model, graph, rows, (comparison, RoundCache: false));
        return AcceptByKl(GraphFiles.Model(GraphPrecision.Fp16), "token", comparison, "fp16", settings.Fp16MaxKl);
    }

    /// <summary>Checks a classifier graph on ragged texts.</summary>
    public GraphFigures Classifier(ILabelLogits model, ILabelLogits graph, IReadOnlyList<int[]> rows, bool int8)
    {
        var comparison = new LogitComparison();
        foreach (int[][] batch in rows.Chunk(TextRows))
        {
            float[][] expected = model.Logits(batch), actual = graph.Logits(batch);
            for (int row = 0; row < batch.Length; row++)
            {
                comparison.Add(expected[row], actual[row], Array.IndexOf(expected[row], expected[row].Max()));
            }
        }

        return int8 ? AcceptInt8(GraphFiles.Model(GraphPrecision.Int8), "text", comparison) : Accept(GraphFiles.Model(GraphPrecision.Fp32), comparison);
    }

    private static void ReplayTexts(
        ISequenceLogits model, DecoderGraph graph, IReadOnlyList<int[]> rows, params ReadOnlySpan<(LogitComparison Comparison, bool RoundCache)> passes)
    {
        foreach (int[][] batch in rows.Chunk(TextRows))
        {
            Replay(model, graph, batch, [.. batch.Select(row => Math.Min(TextPrompt, row.Length - 1))], passes);
        }
    }

    /// <summary>Runs the model once, then the graph once per requested cache type.</summary>
    private static void Replay(
        ISequenceLogits model,
        DecoderGraph graph,
        IReadOnlyList<int[]> rows,
        int[] prompts,
        params ReadOnlySpan<(LogitComparison Comparison, bool RoundCache)> passes)
    {
        var places = rows.SelectMany((row, index) => Enumerable.Range(prompts[index] - 1, row.Length - prompts[index] + 1).Select(p => (index, p))).ToArray();
        float[] expected = Read(model, rows, places);
        int vocabulary = expected.Length / places.Length;
        int[] starts = [.. rows.Select((_, index) => Array.FindIndex(places, place => place.index == index))];
        int steps = rows.Select((row, index) => row.Length - prompts[index]).Min();
        foreach (var (comparison, roundCache) in passes)
        {
            float[][] actual = graph.Prefill([.. rows.Select((row, index) => row[..prompts[index]])], roundCache);
            for (int step = 0; ; step++)
            {
                for (int row = 0; row < rows.Count; row++)
                {
                    int next = prompts[row] + step;
                    ReadOnlySpan<float> logits = expected.AsSpan((starts[row] + step) * vocabulary, vocabulary);
                    comparison.Add(logits, actual[row], next < rows[row].Length ? rows[row][next] : null);
                }

                if (step == steps)
                {
                    break;
                }

                actual = graph.Step([.. rows.Select((row, index) => row[prompts[index] + step])]);
            }
        }
    }

    private static void Compare(
        LogitComparison comparison, float[] expected, ReadOnlySpan<float> actual, IReadOnlyList<int[]> rows, IReadOnlyList<(int Row, int Position)> places)
    {
        int vocabulary = expected.Length / places.Count;
        for (int i = 0; i < places.Count; i++)
        {
            (int row, int position) = places[i];
            int? token = position + 1 < rows[row].Length ? rows[row][position + 1] : null;
            comparison.Add(expected.AsSpan(i * vocabulary, vocabulary), actual.Slice(i * vocabulary, vocabulary), token);
        }
    }

    private static (int Row, int Position)[] Places(IReadOnlyList<int[]> rows, int first) =>
        [.. rows.SelectMany((row, index) => Enumerable.Range(first, row.Length - first).Select(position => (index, position)))];

    private static float[] Read(ISequenceLogits model, IReadOnlyList<int[]> rows, IReadOnlyList<(int Row, int Position)> places)
    {
        float[] copy = [];
        model.Logits(rows, places, logits => copy = logits.ToArray());
        return copy;
    }

    private static GraphFigures Accept(string graph, LogitComparison comparison)
    {
        double limit = Math.Max(AbsoluteLimit, RelativeLimit * comparison.LargestLogit);
        if (!(comparison.MaxLogProbDifference <= limit))
        {
            throw new TrainingFailedException(string.Create(
                CultureInfo.InvariantCulture,
                $"{graph} differs from the TorchSharp model: max |Δ log-prob| is {comparison.MaxLogProbDifference:g4} over {comparison.Positions} positions; the limit is {limit:g4}. Nothing was kept. Check that the weights did not change during the export; if they did not, the graph is wrong for this architecture."));
        }

        return new GraphFigures(comparison.Positions, comparison.MaxLogProbDifference, limit, null, null);
    }

    private GraphFigures AcceptInt8(string graph, string unit, LogitComparison comparison) =>
        AcceptByKl(graph, unit, comparison, "int8", settings.Int8MaxKl);

    private static GraphFigures AcceptByKl(string graph, string unit, LogitComparison comparison, string precision, double limit)
    {
        if (!(comparison.MeanKl <= limit))
        {
            throw new TrainingFailedException(string.Create(
                CultureInfo.InvariantCulture,
                $"{graph} is too far from float32: mean KL(fp32‖{precision}) is {comparison.MeanKl:g4} nats per {unit} over {comparison.Positions}; the limit is {limit:g4}. Nothing was kept. Raise export.{precision}_max_kl if that is good enough, or set export.{precision} to false."));
        }

        return new GraphFigures(comparison.Positions, comparison.MaxLogProbDifference, limit, comparison.MeanTokenDifference, comparison.MeanKl);
    }
}

/// <summary>The measurements of a check; <see cref="GraphReport"/> explains them.</summary>
internal sealed record GraphFigures(int Positions, double MaxAbsDiff, double Limit, double? MeanTokenDiff, double? MeanKl, double? MeanKlBf16Cache = null);
