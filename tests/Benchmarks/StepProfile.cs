using System.Diagnostics;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Kernels;

namespace Rudder.Benchmarks;

/// <summary>Where a decoding step's time goes, by ONNX Runtime's own profiler: share and milliseconds of each operator at width 64.</summary>
/// <remarks>The profiler itself costs a little for every node, so the milliseconds are of a profiled step; the shares are what counts.</remarks>
internal static class StepProfile
{
    private const int Width = 64, Tokens = 64, Cached = 32, WarmSteps = 30, Steps = 10;

    /// <summary>Profiles both precisions.</summary>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        int threads = Math.Min(Environment.ProcessorCount, 2);
        string folder = BenchmarkModel.Gpt2Small();
        List<BenchmarkRow> rows = [];
        foreach (var precision in new[] { GraphPrecision.Fp32, GraphPrecision.Int8 })
        {
            rows.AddRange(Profile(folder, precision, threads));
        }

        return new BenchmarkResult("profile", new Dictionary<string, double>(), rows, new Dictionary<string, object>
        {
            ["model"] = "GPT-2 124M shape, random weights", ["width"] = Width, ["cached tokens"] = Cached, ["steps"] = Steps, ["threads"] = threads,
        });
    }

    private static List<BenchmarkRow> Profile(string folder, GraphPrecision precision, int threads)
    {
        var graph = GraphFile.Read(GraphFolder.Open(folder), "decoder", precision);
        using var cache = new SlotCache(graph.Shape, Width, Tokens, long.MaxValue);
        using var attention = new OperatorDomain(OperatorDomain.SlotsName, SlotAttention.Operator(cache));
        GraphFusion.UseSlotAttention(graph);
        string file;
        double step;
        using (var session = graph.Start(threads, attention: attention, adjust: options =>
        {
            options.EnableProfiling = true;
            options.ProfileOutputPathPrefix = Path.Combine(Path.GetTempPath(), $"rudder-profile-{Environment.ProcessId}-{precision}");
        }))
        {
            step = Decode(session, cache, graph.Shape.Vocabulary);
            file = session.EndProfiling();
        }

        // Each operator runs equally often in every step, and the first steps are not counted.
        var nodes = Nodes(file).GroupBy(node => node.Operator, node => node.Milliseconds)
            .Select(node => (node.Key, Times: node.Skip(node.Count() * WarmSteps / (WarmSteps + Steps)).ToArray())).ToArray();
        double sum = nodes.Sum(node => node.Times.Sum());
        File.Delete(file);
        string name = precision.ToString().ToLowerInvariant();
        var rows = nodes.OrderByDescending(node => node.Times.Sum()).Take(14).Select(node => new BenchmarkRow(
            $"{name}, {node.Key} ({node.Times.Length / Steps} a step)",
            new Dictionary<string, double> { ["ms a step"] = node.Times.Sum() / Steps, ["share"] = node.Times.Sum() / sum })).ToList();
        rows.Add(new BenchmarkRow($"{name}, whole step", new Dictionary<string, double> { ["ms a step"] = step * 1e3 }));
        return rows;
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

    // The profiler writes one JSON array of trace events; node events carry the operator's name and microseconds.
    private static IEnumerable<(string Operator, double Milliseconds)> Nodes(string file)
    {
        using var events = JsonDocument.Parse(File.ReadAllText(file));
        return [.. events.RootElement.EnumerateArray()
            .Where(item => item.GetProperty("cat").GetString() == "Node" && item.GetProperty("name").GetString()!.EndsWith("_kernel_time", StringComparison.Ordinal))
            .Select(item => (Label(item), item.GetProperty("dur").GetDouble() / 1e3))];
    }

    private static string Label(JsonElement item)
    {
        var arguments = item.GetProperty("args");
        string name = arguments.GetProperty("op_name").GetString()!;
        bool vocabulary = arguments.TryGetProperty("output_type_shape", out var shapes) && shapes.ToString().Contains("50257", StringComparison.Ordinal);
        return vocabulary ? name + ", vocabulary" : name;
    }
}
