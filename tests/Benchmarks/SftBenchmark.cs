using System.Diagnostics;
using System.Globalization;
using Rudder.Checkpoints;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes;
using static TorchSharp.torch;

namespace Rudder.Benchmarks;

/// <summary>
/// Compares the trainer's SFT step with the same step in Python's torch, with default malloc and with malloc tuned to huge pages, and
/// with the matrix products of the step alone, alternating in one run.
/// </summary>
internal static class SftBenchmark
{
    private const double Dropout = 0.1;
    private const string Trainer = "trainer", Python = "Python", Tuned = "Python, malloc tuned to huge pages", Products = "matrix products alone";

    private static readonly Shape Small = new("S", Layers: 4, Width: 256, Heads: 4, Vocabulary: 8192, Batch: 16, Time: 128, Steps: 5, Rounds: 9);

    /// <summary>GPT-2 124M. Its tensors are so large that the allocator decides the speed.</summary>
    private static readonly Shape Medium = new("M", Layers: 12, Width: 768, Heads: 12, Vocabulary: 50_257, Batch: 4, Time: 64, Steps: 2, Rounds: 7);

    /// <summary>Runs the benchmark on both shapes.</summary>
    public static BenchmarkResult Run()
    {
        int threads = Math.Min(Environment.ProcessorCount, 2);
        set_num_threads(threads);
        Dictionary<string, List<Cost>> small = Measure(Small, threads), medium = Measure(Medium, threads);
        return new BenchmarkResult(
            "sft",
            new Dictionary<string, double>
            {
                ["sft_s_vs_python_default"] = Against(small, Python, c => c.Wall),
                ["sft_s_vs_python_tuned"] = Against(small, Tuned, c => c.Wall),
                ["sft_s_vs_python_default_processor_time"] = Against(small, Python, c => c.Cpu),
                ["sft_s_vs_python_tuned_processor_time"] = Against(small, Tuned, c => c.Cpu),
                ["sft_m_vs_python_default"] = Against(medium, Python, c => c.Wall),
                ["sft_m_vs_python_tuned"] = Against(medium, Tuned, c => c.Wall),
                ["sft_s_share_of_products"] = Against(small, Products, c => c.Wall),
                ["sft_m_share_of_products"] = Against(medium, Products, c => c.Wall),
            },
            [.. Rows(Small, small), .. Rows(Medium, medium)],
            new Dictionary<string, object>
            {
                ["dropout"] = Dropout, ["threads"] = threads, ["S"] = Small.ToString(), ["M"] = Medium.ToString(),
            });
    }

    private static Dictionary<string, List<Cost>> Measure(Shape shape, int threads)
    {
        manual_seed(0);
        string[] arguments = shape.Arguments(threads);
        using var python = new PythonPeer("sft_step.py", hugePages: false, arguments);
        using var tuned = new PythonPeer("sft_step.py", hugePages: true, arguments);
        using var products = new StepProducts(shape.Layers, shape.Width, shape.Vocabulary, shape.Batch * shape.Time);
        using var model = new Gpt2Model(
            new Gpt2Config { Layers = shape.Layers, HiddenSize = shape.Width, Heads = shape.Heads, VocabularySize = shape.Vocabulary, Context = shape.Time },
            Dropout,
            CPU);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(model.Parameters);
        using var optimizer = new AdamW(trainable, 0.9, 0.999, 1e-8, _ => 0.01);
        model.train();
        var runners = new (string Name, Func<int, Cost> Run)[]
        {
            (Trainer, steps => Timed(steps, () => Step(shape, model, trainable, optimizer))), (Python, python.Run), (Tuned, tuned.Run),
            (Products, steps => Timed(steps, products.Step)),
        };
        Dictionary<string, List<Cost>> costs = runners.ToDictionary(r => r.Name, _ => new List<Cost>());
        Array.ForEach(runners, r => r.Run(2));
        for (int round = 0; round < shape.Rounds; round++)
        {
            foreach ((string name, Func<int, Cost> run) in runners)
            {
                costs[name].Add(run(shape.Steps));
            }
        }

        return costs;
    }

    /// <summary>Returns the median of the ratios within each round, in which both runners met the same load of the machine.</summary>
    private static double Against(Dictionary<string, List<Cost>> costs, string other, Func<Cost, double> time) =>
        Median.Of(costs[Trainer].Zip(costs[other], (ours, theirs) => time(theirs) / time(ours)));

    private static IEnumerable<BenchmarkRow> Rows(Shape shape, Dictionary<string, List<Cost>> costs)
    {
        double tokens = shape.Steps * shape.Batch * shape.Time;
        double operations = shape.Steps * shape.Operations / 1e9;
        return costs.Select(c => new BenchmarkRow($"{shape.Name}: {c.Key}", new Dictionary<string, double>
        {
            ["tokens/s (median)"] = Median.Of(c.Value.Select(v => tokens / v.Wall)),
            ["lowest"] = tokens / c.Value.Max(v => v.Wall),
            ["highest"] = tokens / c.Value.Min(v => v.Wall),
            ["tokens per processor second (median)"] = Median.Of(c.Value.Select(v => tokens / v.Cpu)),
            ["GFLOP/s of the step's products (median)"] = Median.Of(c.Value.Select(v => operations / v.Wall)),
        }));
    }

    private static Cost Timed(int steps, Action step)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        for (int i = 0; i < steps; i++)
        {
            step();
        }

        return new Cost(Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
    }

    /// <summary>The step of Recipes/Sft.cs on random ids.</summary>
    private static void Step(Shape shape, ILanguageModel model, IReadOnlyList<NamedParameter> trainable, AdamW optimizer)
    {
        model.zero_grad();
        double loss;
        using (NewDisposeScope())
        {
            int tokens = shape.Batch * shape.Time;
            Tensor[] parts = randint(shape.Vocabulary, new long[] { shape.Batch, shape.Time + 1 }).split([shape.Time, 1], 1); // [B,T], [B,1]
            Tensor targets = cat([parts[0].split([1, shape.Time - 1], 1)[1], parts[1]], 1).reshape(-1); // [B·T]
            Tensor sum = Sft.SumOfLosses(model, new LanguageBatch(parts[0], null, targets, tokens)) / tokens; // []
            sum.backward();
            loss = sum.item<float>();
        }

        double norm = GradientNorm.Of(trainable);
        if (!double.IsFinite(loss + norm))
        {
            throw new InvalidOperationException($"loss {loss} and gradient norm {norm} must be finite. The benchmark does not measure a real step.");
        }

        optimizer.Step(1e-4, GradientNorm.ClipScale(norm, 1));
    }

    /// <summary>Sizes of a model and of a measurement.</summary>
    private sealed record Shape(string Name, int Layers, int Width, int Heads, int Vocabulary, int Batch, int Time, int Steps, int Rounds)
    {
        /// <summary>The arguments of the Python script.</summary>
        public string[] Arguments(int threads) =>
            [.. new[] { Layers, Width, Heads, Vocabulary, Batch, Time, threads }.Select(n => n.ToString(CultureInfo.InvariantCulture)), "0.1"];

        /// <summary>Floating-point operations of a step's products with weights: two for each weight and token, forward and for both gradients.</summary>
        public double Operations => 6.0 * Batch * Time * ((12.0 * Layers * Width * Width) + ((double)Vocabulary * Width));

        /// <inheritdoc/>
        public override string ToString() =>
            $"{Layers} layers, width {Width}, {Heads} heads, vocabulary {Vocabulary}, {Batch}x{Time} tokens, {Rounds} rounds of {Steps} steps";
    }
}
