using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;

namespace Rudder.Benchmarks;

/// <summary>
/// Compares the slot engine with GenAI on the same graph: tokens per second at several widths, plain and greedy, alternating in one
/// run.
/// </summary>
/// <remarks>
/// GenAI runs its bare generation loop. The slot engine runs complete, from request to result, log-probs included. Both have the same
/// number of threads and, per width, the same prompts. Every sequence reaches its length limit.
/// </remarks>
internal static class EnginesBenchmark
{
    private const int PromptTokens = 8, NewTokens = 48, Rounds = 9;
    private static readonly int[] Widths = [1, 8, 32];
    private static readonly (string Name, SamplingParameters Parameters)[] Draws = [("plain", SamplingParameters.Plain), ("greedy", SamplingParameters.Greedy)];

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        int threads = Math.Min(Environment.ProcessorCount, 2);
        string folder = BenchmarkModel.Exported("imdb-mini");
        var ratios = new Dictionary<string, double>();
        List<BenchmarkRow> rows = [];
        foreach (int width in Widths)
        {
            var speeds = Measure(folder, width, threads);
            AddRatios(ratios, width, speeds);
            rows.AddRange(speeds.Select(speed => new BenchmarkRow($"width {width}, {speed.Key}", new Dictionary<string, double>
            {
                ["tokens/s (median)"] = Median.Of(speed.Value), ["lowest"] = speed.Value.Min(), ["highest"] = speed.Value.Max(),
            })));
        }

        return new BenchmarkResult("engines", ratios, rows, new Dictionary<string, object>
        {
            ["model"] = "models/imdb-mini", ["prompt tokens"] = PromptTokens, ["new tokens"] = NewTokens, ["threads"] = threads, ["rounds"] = Rounds,
        });
    }

    private static void AddRatios(Dictionary<string, double> ratios, int width, Dictionary<string, List<double>> speeds)
    {
        foreach ((string draw, _) in Draws)
        {
            // Ratios within a round: both runners met the same load of the machine.
            double Against(string engine) => Median.Of(speeds[$"{engine}, {draw}"].Zip(speeds[$"GenAI fp32, {draw}"], (ours, theirs) => ours / theirs));
            ratios[$"{draw}_w{width}_vs_genai"] = Against("slots fp32");
            ratios[$"{draw}_w{width}_int8_vs_genai"] = Against("slots int8");
        }
    }

    private static Dictionary<string, List<double>> Measure(string folder, int width, int threads)
    {
        int[][] prompts = Prompts(width);
        var graphs = GraphFolder.Open(folder);
        var options = new EngineOptions { MaxSlots = width, Threads = threads };
        var fp32 = SlotEngine.Load(graphs, options, null);
        var int8 = SlotEngine.Load(graphs, options with { Precision = GraphPrecision.Int8 }, null);
        using var config = new Config(folder);
        config.Overlay($$$"""{"model":{"decoder":{"session_options":{"intra_op_num_threads":{{{threads.ToString(CultureInfo.InvariantCulture)}}},"inter_op_num_threads":1} } } }""");
        using var model = new Model(config);
        var runners = Draws.SelectMany(draw => new (string Name, Func<int> Tokens)[]
        {
            ($"slots fp32, {draw.Name}", () => Slots(fp32, prompts, draw.Parameters)),
            ($"GenAI fp32, {draw.Name}", () => GenAi(model, prompts, draw.Parameters.IsGreedy)),
            ($"slots int8, {draw.Name}", () => Slots(int8, prompts, draw.Parameters)),
        }).ToArray();

        var speeds = runners.ToDictionary(runner => runner.Name, _ => new List<double>());
        Array.ForEach(runners, runner => runner.Tokens());
        for (int round = 0; round < Rounds; round++)
        {
            foreach ((string name, Func<int> tokens) in runners)
            {
                long start = Stopwatch.GetTimestamp();
                int drawn = tokens();
                speeds[name].Add(drawn / Stopwatch.GetElapsedTime(start).TotalSeconds);
            }
        }

        fp32.DisposeAsync().AsTask().Wait();
        int8.DisposeAsync().AsTask().Wait();
        return speeds;
    }

    private static int[][] Prompts(int width)
    {
        var random = new Random(width);
        return [.. Enumerable.Range(0, width).Select(_ => Enumerable.Range(0, PromptTokens).Select(_ => random.Next(8000)).ToArray())];
    }

    private static int Slots(SlotEngine engine, int[][] prompts, SamplingParameters parameters)
    {
        var batch = new GenerationBatch([.. prompts.Select((ids, i) => new PromptRequest
        {
            PromptIds = ids, MaxNewTokens = NewTokens, Seed = (uint)i, Parameters = parameters,
        })]);
        return engine.GenerateAsync(batch, CancellationToken.None).Result.Sum(samples => samples.Sum(sequence => sequence.Ids.Length));
    }

    private static int GenAi(Model model, int[][] prompts, bool greedy)
    {
        using var parameters = new GeneratorParams(model);
        parameters.SetSearchOption("batch_size", prompts.Length);
        parameters.SetSearchOption("max_length", PromptTokens + NewTokens);
        parameters.SetSearchOption("do_sample", !greedy);
        parameters.SetSearchOption("temperature", 1);
        parameters.SetSearchOption("top_k", 0);
        parameters.SetSearchOption("top_p", 1);
        parameters.SetSearchOption("random_seed", 1);
        using var generator = new Generator(model, parameters);
        generator.AppendTokens([.. prompts.SelectMany(prompt => prompt)]);
        int drawn = 0;
        while (!generator.IsDone())
        {
            generator.GenerateNextToken();
            drawn += prompts.Length;                         // rows past their end-of-text id continue as padding, which counts in GenAI's favour
        }

        return drawn;
    }
}
