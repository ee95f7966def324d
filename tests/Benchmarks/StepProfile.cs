using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;

namespace Rudder.Benchmarks;

/// <summary>
/// Profiles a decoding step with ONNX Runtime's profiler: share and milliseconds of each operator at width 64. Profiles scoring runs
/// too.
/// </summary>
/// <remarks>
/// The profiler adds a little time to every node, so the milliseconds are those of a profiled step. The shares are the result.
/// </remarks>
internal static class StepProfile
{
    private const int Width = 64, Tokens = 64, Cached = 32, WarmSteps = 30, Steps = 10;

    /// <summary>Profiles both precisions of the decoder and the scoring graphs.</summary>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        int threads = Math.Min(Environment.ProcessorCount, 2);
        string folder = BenchmarkModel.Gpt2Small();
        List<BenchmarkRow> rows = [];
        foreach (var precision in new[] { GraphPrecision.Fp32, GraphPrecision.Int8 })
        {
            rows.AddRange(Profile(folder, precision, threads));
            rows.AddRange(ScoringProfile.Classifier(precision, threads));
        }

        rows.AddRange(ScoringProfile.LogProbs(folder, threads));
        return new BenchmarkResult("profile", new Dictionary<string, double>(), rows, new Dictionary<string, object>
        {
            ["decoder"] = "GPT-2 124M shape, random weights", ["width"] = Width, ["cached tokens"] = Cached, ["steps"] = Steps,
            ["classifier"] = ScoringProfile.ClassifierText, ["log-probs"] = ScoringProfile.LogProbText, ["threads"] = threads,
        });
    }

    private static List<BenchmarkRow> Profile(string folder, GraphPrecision precision, int threads)
    {
        var graph = GraphFile.Read(GraphFolder.Open(folder), GraphFiles.Model(precision), precision);
        using var cache = new SlotCache(graph.Shape.Layers, graph.Shape.Heads, graph.Shape.HeadSize, Width, Tokens, isHalf: graph.Shape.Precision == "int8");
        using var attention = new OperatorDomain(OperatorDomain.SlotsName, SlotAttention.Operators(cache));
        GraphFusion.UseSlotAttention(graph);
        string file;
        double step;
        using (var session = graph.Start(threads, attention: attention, adjust: OperatorTimes.Record))
        {
            step = Decode(session, cache, graph.Shape.Vocabulary);
            file = session.EndProfiling();
        }

        string name = precision.ToString().ToLowerInvariant();
        return
        [
            .. OperatorTimes.Read(file, name, WarmSteps, Steps, graph.Shape.Vocabulary),
            new BenchmarkRow($"{name}, whole step", new Dictionary<string, double> { [OperatorTimes.Milliseconds] = step * 1e3 }),
        ];
    }

    private static double Decode(InferenceSession session, SlotCache cache, int vocabulary)
    {
        using var ids = new NativeBuffer<long>(Width);
        using var positions = new NativeBuffer<long>(Width);
        using var mask = new NativeBuffer<long>(Width);
        using var logits = new NativeBuffer<float>((long)Width * vocabulary);
        using var runOptions = new RunOptions();
        cache.Begin(0, Width);
        for (int row = 0; row < Width; row++)
        {
            cache.Bring(row, Cached, 1);
            ids.Span(row, 1)[0] = row * 7;
            positions.Span(row, 1)[0] = Cached;
            mask.Span(row, 1)[0] = 1;
        }

        using var binding = new GraphBinding(session);
        binding.Input("input_ids", ids.View(0, Width, 1));
        binding.Input("position_ids", positions.View(0, Width, 1));
        binding.Input("attention_mask", mask.View(0, Width, 1));
        binding.Output("logits", logits.View(0, Width, 1, vocabulary));
        List<double> seconds = [];
        for (int step = 0; step < WarmSteps + Steps; step++)
        {
            long start = Stopwatch.GetTimestamp();
            binding.Run(runOptions);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return Median.Of(seconds.Skip(WarmSteps));
    }
}
