using System.Diagnostics;
using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;

namespace Rudder.Benchmarks;

/// <summary>
/// Tokens per second of the slot engine on a GPU with GPT-2-large's shape in float16, at widths 1 to 512, and its share of the
/// bound that the device's memory sets: each step reads every weight once, and the cache of every row.
/// </summary>
/// <remarks>
/// It first compares the fixture model's greedy tokens on the device, because a fast wrong answer is worthless. It times the decoder's
/// steps alone (logits on the host) and the whole engine (plain sampling on the host, log-probs, prefill). Without a usable device it
/// prints what is missing and exits with code 2. The service's variable Service__CudaProviderLibrary names a plug-in provider.
/// </remarks>
internal static class GpuBenchmark
{
    private const int PromptTokens = 8, NewTokens = 48, SlotTokens = 64, WarmSteps = 4, Steps = 32, Rounds = 3;
    private const int FirstLength = 16;                      // tokens cached before the first timed step
    private const int CopyRuns = 20;
    private const double FixtureShare = 0.95;                // float16 may flip a near tie; a lower share is a fault
    private static readonly int[] Widths = [1, 8, 32, 64, 128, 256, 512];
    private static readonly long[] CopyShape = [1, 1, 1 << 17, 1024];   // 256 MiB in float16: larger than any processor cache of the device

    /// <summary>Runs the benchmark.</summary>
    /// <exception cref="RequestFault">There is no usable device.</exception>
    /// <exception cref="InvalidOperationException">The device's greedy tokens are not the fixture's.</exception>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        var options = new EngineOptions
        {
            Device = GraphDevice.Cuda,
            CudaProviderLibrary = Environment.GetEnvironmentVariable("Service__CudaProviderLibrary") ?? "",
            Precision = GraphPrecision.Fp16,
            MaxTokens = SlotTokens,
            MaxCacheMegabytes = 64 << 10,
        };
        var cuda = CudaProvider.For(options)!;
        double fixture = FixtureAgreement(options);
        double bandwidth = Bandwidth(cuda);
        var graphs = GraphFolder.Open(BenchmarkModel.Gpt2Large());
        double weights = new FileInfo(Path.Combine(graphs.Path, "model_fp16.onnx_data")).Length;
        var ratios = new Dictionary<string, double> { ["fixture_agreement"] = fixture };
        List<BenchmarkRow> rows = [];
        foreach (int width in Widths)
        {
            Console.Error.WriteLine($"width {width} ...");
            var limits = options with { MaxSlots = width };
            double step = StepSeconds(graphs, limits), engine = EngineSpeed(graphs, limits);
            double floor = (weights + CacheBytes(graphs, width)) / bandwidth;
            ratios[$"w{width}_step_vs_floor"] = floor / step;
            ratios[$"w{width}_engine_vs_floor"] = engine / (width / floor);
            rows.Add(new BenchmarkRow($"width {width}", new Dictionary<string, double>
            {
                ["engine tokens/s"] = engine, ["steps alone, tokens/s"] = width / step, ["floor, tokens/s"] = width / floor,
                ["step ms"] = step * 1e3, ["floor ms"] = floor * 1e3,
            }));
        }

        return new BenchmarkResult("gpu", ratios, rows, new Dictionary<string, object>
        {
            ["model"] = "GPT-2 large shape, random weights, fp16", ["prompt tokens"] = PromptTokens, ["new tokens"] = NewTokens, ["rounds"] = Rounds,
            ["measured bandwidth GB/s"] = Math.Round(bandwidth / 1e9), ["weights bytes"] = weights,
        });
    }

    /// <summary>
    /// Returns the share of the fixture's greedy tokens that the device finds. Each follows the correct tokens before it.
    /// </summary>
    private static double FixtureAgreement(EngineOptions options)
    {
        string folder = BenchmarkModel.Fixture("tiny-gpt2");
        int[][] golden = BenchmarkModel.GreedyFixture("tiny-gpt2");
        const int Prompt = 5;
        using var decoder = OnnxDecoder.Load(GraphFolder.Open(folder), options with { MaxSlots = golden.Length }, null);
        decoder.Prefill([.. golden.Select(row => row[..Prompt])], 0);
        int right = 0, all = 0;
        for (int length = Prompt; length < golden[0].Length; length++)
        {
            for (int row = 0; row < golden.Length; row++)
            {
                right += TensorPrimitives.IndexOfMax(decoder.Logits(row)) == golden[row][length] ? 1 : 0;
                all++;
            }

            decoder.Step([.. golden.Select(row => row[length])], [.. golden.Select(_ => length)]);
        }

        double share = (double)right / all;
        return share >= FixtureShare
            ? share
            : throw new InvalidOperationException(
                $"the device finds {right} of {all} greedy tokens of the fixture, but at least {FixtureShare:p0} must match. Its results are wrong: check the driver and the provider.");
    }

    /// <summary>Returns the bytes per second, read and written, of copies inside the device's memory.</summary>
    private static double Bandwidth(CudaProvider cuda)
    {
        uint bytes = (uint)(2 * CopyShape.Aggregate(1L, (product, size) => product * size));
        using var copy = new TensorCopy(TensorElementType.Float16, CopyShape, 1, cuda);
        using var allocator = copy.Allocator(cuda.Memory());
        using var memory = allocator.Info;
        using var source = allocator.Allocate(bytes);
        using var target = allocator.Allocate(bytes);
        OrtValue View(OrtMemoryAllocation place) =>
            OrtValue.CreateTensorValueWithData(memory, TensorElementType.Float16, CopyShape, place.DangerousGetHandle(), bytes);
        List<double> seconds = [];
        for (int run = 0; run < CopyRuns; run++)
        {
            long start = Stopwatch.GetTimestamp();
            copy.Run(_ => View(source), _ => View(target));
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * bytes / Median.Of(seconds);
    }

    private static double StepSeconds(GraphFolder graphs, EngineOptions options)
    {
        using var decoder = OnnxDecoder.Load(graphs, options, null);
        int[] ids = [.. Enumerable.Range(0, options.MaxSlots).Select(row => row * 7 % 50_000)];
        int[] lengths = new int[options.MaxSlots];
        List<double> seconds = [];
        for (int step = 0; step < WarmSteps + Steps; step++)
        {
            Array.Fill(lengths, FirstLength + step - WarmSteps);
            long start = Stopwatch.GetTimestamp();
            decoder.Step(ids, lengths);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return Median.Of(seconds.Skip(WarmSteps));
    }

    private static double CacheBytes(GraphFolder graphs, int width)
    {
        var config = ModelConfig.Load<Gpt2Config>(graphs.ModelFolder);
        double perToken = 2.0 * config.Layers * config.HiddenSize * 2;   // keys and values, two bytes each
        return width * (FirstLength + (Steps / 2.0)) * perToken;
    }

    private static double EngineSpeed(GraphFolder graphs, EngineOptions options)
    {
        var engine = SlotEngine.Load(graphs, options, null);
        var random = new Random(options.MaxSlots);
        PromptRequest[] prompts = [.. Enumerable.Range(0, options.MaxSlots).Select(i => new PromptRequest
        {
            PromptIds = [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(50_000))], MaxNewTokens = NewTokens, Seed = (uint)i,
            Parameters = SamplingParameters.Plain,
        })];
        List<double> speeds = [];
        for (int round = -1; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            var results = engine.GenerateAsync(new GenerationBatch(prompts), CancellationToken.None).Result;
            double speed = results.Sum(samples => samples.Sum(sequence => sequence.Ids.Length)) / Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (round >= 0)
            {
                speeds.Add(speed);                           // the first round is the warm-up
            }
        }

        engine.DisposeAsync().AsTask().Wait();
        return Median.Of(speeds);
    }
}
