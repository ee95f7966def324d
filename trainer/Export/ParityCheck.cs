using System.Globalization;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Kernels;
using Rudder.Engine.Scoring;
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
    public GraphFigures LogProbs(TorchDecoder model, LogProbGraph graph, IReadOnlyList<int[]> rows)
    {
        var comparison = new LogitComparison();
        float[] expected = model.Logits(rows, [.. rows.SelectMany((row, index) => Enumerable.Range(0, row.Length).Select(position => (index, position)))]);
        ScoredSequence[] sequences = [.. rows.Select(row => new ScoredSequence(row[..1], [.. row[1..], 0]))];       // so the last token's logits count too
        var chunk = ScoringChunk.Of(sequences, [.. Enumerable.Range(0, rows.Count)]);
        int vocabulary = graph.Shape.Vocabulary;
        using NativeBuffer<float> states = graph.States(chunk), logits = new(expected.Length);
        graph.Project(states, 0, chunk.Positions.Length, logits);
        for (int i = 0; i < chunk.Positions.Length; i++)
        {
            (int row, int place) = chunk.Places[i];
            int? token = place + 1 < rows[row].Length ? rows[row][place + 1] : null;
            comparison.Add(expected.AsSpan(i * vocabulary, vocabulary), logits.Span((long)i * vocabulary, vocabulary), token);
        }

        return Accept(GraphFiles.LogProbs, comparison);
    }

    /// <summary>Checks the decoder: prefills ragged prompts, then decodes <paramref name="steps"/> tokens of each row.</summary>
    public GraphFigures Decoder(TorchDecoder model, IDecoder graph, IReadOnlyList<int[]> rows, int steps)
    {
        var comparison = new LogitComparison();
        Replay(model, rows, [.. rows.Select(row => row.Length - steps)], (comparison, graph));
        return Accept(GraphFiles.Model(GraphPrecision.Fp32), comparison);
    }

    /// <summary>Checks the int8 decoder token by token, twice. Both must stay within the bound.</summary>
    /// <param name="model">The model.</param>
    /// <param name="graph">The graph as written, with a float32 cache, as GenAI samples.</param>
    /// <param name="slots">The service's decoder, with its operators and a cache in bfloat16.</param>
    /// <param name="rows">The texts.</param>
    public GraphFigures Int8Decoder(TorchDecoder model, IDecoder graph, IDecoder slots, IReadOnlyList<int[]> rows)
    {
        var (fp32, bf16) = (new LogitComparison(), new LogitComparison());
        ReplayTexts(model, rows, (fp32, graph), (bf16, slots));
        GraphFigures figures = AcceptInt8(GraphFiles.Model(GraphPrecision.Int8), "token", fp32);
        return figures with { MeanKlBf16Cache = AcceptInt8($"{GraphFiles.Model(GraphPrecision.Int8)} with its cache in bfloat16", "token", bf16).MeanKl };
    }

    /// <summary>Checks the float16 decoder, slowly: the CPU computes parts in float32, so a GPU rounds a little differently.</summary>
    public GraphFigures Fp16Decoder(TorchDecoder model, IDecoder graph, IReadOnlyList<int[]> rows)
    {
        var comparison = new LogitComparison();
        ReplayTexts(model, rows, (comparison, graph));
        return AcceptByKl(GraphFiles.Model(GraphPrecision.Fp16), "token", comparison, "fp16", settings.Fp16MaxKl);
    }

    /// <summary>Checks a classifier graph on ragged texts.</summary>
    public GraphFigures Classifier(TorchClassifier model, ClassifierEngine graph, IReadOnlyList<int[]> rows, bool int8)
    {
        var comparison = new LogitComparison();
        float[][] expected = model.Logits(rows), actual = graph.Logits(rows);
        for (int row = 0; row < rows.Count; row++)
        {
            (float[] wanted, float[] found) = (Labels(expected[row]), Labels(actual[row]));
            comparison.Add(wanted, found, Array.IndexOf(wanted, wanted.Max()));
        }

        return int8 ? AcceptInt8(GraphFiles.Model(GraphPrecision.Int8), "text", comparison) : Accept(GraphFiles.Model(GraphPrecision.Fp32), comparison);
    }

    /// <summary>A score is compared as the logit of a pair's winner against a rival of score 0: alone, its probability is always 1.</summary>
    private static float[] Labels(float[] logits) => logits is [float score] ? [score, 0] : logits;

    private static void ReplayTexts(TorchDecoder model, IReadOnlyList<int[]> rows, params ReadOnlySpan<(LogitComparison Comparison, IDecoder Graph)> passes)
    {
        foreach (int[][] batch in rows.Chunk(TextRows))
        {
            Replay(model, batch, [.. batch.Select(row => Math.Min(TextPrompt, row.Length - 1))], passes);
        }
    }

    /// <summary>Runs the model once, then each decoder once.</summary>
    private static void Replay(
        TorchDecoder model, IReadOnlyList<int[]> rows, int[] prompts, params ReadOnlySpan<(LogitComparison Comparison, IDecoder Graph)> passes)
    {
        var places = rows.SelectMany((row, index) => Enumerable.Range(prompts[index] - 1, row.Length - prompts[index] + 1).Select(p => (index, p))).ToArray();
        float[] expected = model.Logits(rows, places);
        int vocabulary = expected.Length / places.Length;
        int[] starts = [.. rows.Select((_, index) => Array.FindIndex(places, place => place.index == index))];
        int steps = rows.Select((row, index) => row.Length - prompts[index]).Min();
        foreach (var (comparison, graph) in passes)
        {
            graph.Prefill([.. rows.Select((row, index) => row[..prompts[index]])], 0);
            for (int step = 0; ; step++)
            {
                for (int row = 0; row < rows.Count; row++)
                {
                    int next = prompts[row] + step;
                    ReadOnlySpan<float> logits = expected.AsSpan((starts[row] + step) * vocabulary, vocabulary);
                    comparison.Add(logits, graph.Logits(row), next < rows[row].Length ? rows[row][next] : null);
                }

                if (step == steps)
                {
                    break;
                }

                int[] lengths = [.. prompts.Select(prompt => prompt + step)];
                graph.Step([.. rows.Select((row, index) => row[lengths[index]])], lengths);
            }
        }
    }

    private static GraphFigures Accept(string graph, LogitComparison comparison)
    {
        double limit = Math.Max(AbsoluteLimit, RelativeLimit * comparison.LargestLogit);
        if (!(comparison.MaxLogProbDifference <= limit))
        {
            throw new WorkFailedException(string.Create(
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
            throw new WorkFailedException(string.Create(
                CultureInfo.InvariantCulture,
                $"{graph} is too far from float32: mean KL(fp32‖{precision}) is {comparison.MeanKl:g4} nats per {unit} over {comparison.Positions}; the limit is {limit:g4}. Nothing was kept. Raise export.{precision}_max_kl if that is good enough, or set export.{precision} to false."));
        }

        return new GraphFigures(comparison.Positions, comparison.MaxLogProbDifference, limit, comparison.MeanTokenDifference, comparison.MeanKl);
    }
}

/// <summary>The measurements of a check; <see cref="GraphReport"/> explains them.</summary>
internal sealed record GraphFigures(int Positions, double MaxAbsDiff, double Limit, double? MeanTokenDiff, double? MeanKl, double? MeanKlBf16Cache = null)
{
    /// <summary>Adds the measurements to a graph's entry of the report.</summary>
    public GraphReport Of(GraphReport entry) => entry with
    {
        Positions = Positions,
        MaxAbsDiff = MaxAbsDiff,
        Limit = Limit,
        MeanTokenDiff = MeanTokenDiff,
        MeanKl = MeanKl,
        MeanKlBf16Cache = MeanKlBf16Cache,
    };
}
