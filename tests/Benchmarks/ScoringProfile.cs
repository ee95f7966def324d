using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;

namespace Rudder.Benchmarks;

/// <summary>
/// Profiles scoring runs with ONNX Runtime's profiler: a batch of full windows in the classifier, and of long sequences in the log-prob
/// graph.
/// </summary>
internal static class ScoringProfile
{
    /// <summary>Describes the classifier's run.</summary>
    public const string ClassifierText = "sentiment-mini, 8 windows of 256 tokens";

    /// <summary>Describes the log-prob graph's run.</summary>
    public const string LogProbText = "GPT-2 124M shape, 4 sequences of 511 tokens, 64 positions of each";

    private const int Warm = 10, Counted = 10;

    /// <summary>Profiles the classifier.</summary>
    public static IReadOnlyList<BenchmarkRow> Classifier(GraphPrecision precision, int threads)
    {
        const int Windows = 8, Tokens = 256;
        long[] shape = [Windows, Tokens], ids = Ids(Windows * Tokens);
        long[] mask = new long[ids.Length];
        Array.Fill(mask, 1);
        var graph = GraphFile.Read(GraphFolder.Open(BenchmarkModel.Exported("sentiment-mini")), GraphFiles.Model(precision), precision);
        return Profile($"classifier {precision.ToString().ToLowerInvariant()}", graph, threads, [("input_ids", ids, shape), ("attention_mask", mask, shape)]);
    }

    /// <summary>Profiles the log-prob graph.</summary>
    /// <param name="folder">Model folder.</param>
    /// <param name="threads">Threads of the session.</param>
    public static IReadOnlyList<BenchmarkRow> LogProbs(string folder, int threads)
    {
        const int Rows = 4, Tokens = 511, Positions = 64;
        long[] positions = [.. Enumerable.Range(0, Rows * Positions).Select(i => (long)((i / Positions * Tokens) + (i % Positions)))];
        var graph = GraphFile.Read(GraphFolder.Open(folder), GraphFiles.LogProbs, GraphPrecision.Fp32);
        return Profile("log-probs fp32", graph, threads, [("input_ids", Ids(Rows * Tokens), [Rows, Tokens]), ("positions", positions, [positions.Length])]);
    }

    private static long[] Ids(int count) => [.. Enumerable.Range(0, count).Select(i => (long)(10 + (i * 7 % 4000)))];

    private static IReadOnlyList<BenchmarkRow> Profile(string name, GraphFile graph, int threads, (string Name, long[] Values, long[] Shape)[] inputs)
    {
        string file;
        using (var session = graph.Start(threads, adjust: OperatorTimes.Record))
        using (var options = new RunOptions())
        {
            var given = inputs.ToDictionary(input => input.Name, input => OrtValue.CreateTensorValueFromMemory(input.Values, input.Shape));
            for (int run = 0; run < Warm + Counted; run++)
            {
                session.Run(options, given, ["logits"]).Dispose();
            }

            foreach (var value in given.Values)
            {
                value.Dispose();
            }

            file = session.EndProfiling();
        }

        return OperatorTimes.Read(file, name, Warm, Counted);
    }
}
