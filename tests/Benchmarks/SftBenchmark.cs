using System.Diagnostics;
using System.Globalization;
using Rudder.Checkpoints;
using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Benchmarks;

/// <summary>The trainer's SFT step against the same step in Python on the same libtorch, alternating in one run.</summary>
internal static class SftBenchmark
{
    private const int Layers = 4, Width = 256, Heads = 4, Vocabulary = 8192, Batch = 16, Time = 128;
    private const int Steps = 5, Rounds = 9;
    private const double Dropout = 0.1;

    /// <summary>Measures it.</summary>
    public static BenchmarkResult Run()
    {
        int threads = Math.Min(Environment.ProcessorCount, 2);
        set_num_threads(threads);
        manual_seed(0);
        string[] shape = [.. new[] { Layers, Width, Heads, Vocabulary, Batch, Time, threads }.Select(n => n.ToString(CultureInfo.InvariantCulture)), "0.1"];
        using var python = new PythonPeer("sft_step.py", hugePages: false, shape);
        using var tuned = new PythonPeer("sft_step.py", hugePages: true, shape);
        using var model = new Gpt2(
            new Gpt2Config { Layers = Layers, HiddenSize = Width, Heads = Heads, VocabularySize = Vocabulary, Context = Time }, Dropout, CPU);
        IReadOnlyList<NamedParameter> trainable = NamedParameters.Trainable(model.Parameters);
        using var optimizer = new AdamW(trainable, 0.9, 0.999, 1e-8, _ => 0.01);
        model.train();

        var runners = new (string Name, Func<int, Cost> Run)[]
        {
            ("trainer", steps => Measure(model, trainable, optimizer, steps)),
            ("Python", python.Run),
            ("Python, malloc tuned to huge pages", tuned.Run),
        };
        Dictionary<string, List<Cost>> costs = runners.ToDictionary(r => r.Name, _ => new List<Cost>());
        foreach ((_, Func<int, Cost> run) in runners)
        {
            run(2);
        }

        for (int round = 0; round < Rounds; round++)
        {
            foreach ((string name, Func<int, Cost> run) in runners)
            {
                costs[name].Add(run(Steps));
            }
        }

        return Summarize(costs, threads);
    }

    private static BenchmarkResult Summarize(Dictionary<string, List<Cost>> costs, int threads)
    {
        const double Tokens = Steps * Batch * Time;
        return new BenchmarkResult(
            "sft",
            new Dictionary<string, double>
            {
                ["sft_vs_python"] = Against("Python", c => c.Wall),
                ["sft_vs_python_huge_pages"] = Against("Python, malloc tuned to huge pages", c => c.Wall),
                ["sft_vs_python_processor_time"] = Against("Python", c => c.Cpu),
                ["sft_vs_python_huge_pages_processor_time"] = Against("Python, malloc tuned to huge pages", c => c.Cpu),
            },
            [.. costs.Select(c => new BenchmarkRow(c.Key, new Dictionary<string, double>
            {
                ["tokens/s (median)"] = Median.Of(c.Value.Select(v => Tokens / v.Wall)),
                ["lowest"] = Tokens / c.Value.Max(v => v.Wall),
                ["highest"] = Tokens / c.Value.Min(v => v.Wall),
                ["tokens per processor second (median)"] = Median.Of(c.Value.Select(v => Tokens / v.Cpu)),
            }))],
            new Dictionary<string, object>
            {
                ["layers"] = Layers, ["width"] = Width, ["heads"] = Heads, ["vocabulary"] = Vocabulary, ["batch"] = $"{Batch}x{Time}",
                ["dropout"] = Dropout, ["threads"] = threads, ["rounds"] = Rounds, ["steps_per_round"] = Steps,
            });

        // Ratios are taken within a round, where both met the same load of the machine.
        double Against(string other, Func<Cost, double> time) =>
            Median.Of(costs["trainer"].Zip(costs[other], (ours, theirs) => time(theirs) / time(ours)));
    }

    private static Cost Measure(Gpt2 model, IReadOnlyList<NamedParameter> trainable, AdamW optimizer, int steps)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        for (int i = 0; i < steps; i++)
        {
            Step(model, trainable, optimizer);
        }

        return new Cost(Stopwatch.GetElapsedTime(start).TotalSeconds, (Environment.CpuUsage.TotalTime - processor).TotalSeconds);
    }

    /// <summary>The step of Recipes/Sft.cs on random ids.</summary>
    private static void Step(Gpt2 model, IReadOnlyList<NamedParameter> trainable, AdamW optimizer)
    {
        model.zero_grad();
        double loss;
        using (NewDisposeScope())
        {
            Tensor[] parts = randint(Vocabulary, new long[] { Batch, Time + 1 }).split([Time, 1], 1); // [B,T], [B,1]
            Tensor targets = cat([parts[0].split([1, Time - 1], 1)[1], parts[1]], 1).reshape(-1); // [B·T]
            Tensor sum = Sft.SumOfLosses(model, new LanguageBatch(parts[0], null, targets, Batch * Time)) / (Batch * Time); // []
            sum.backward();
            loss = sum.item<float>();
        }

        double norm = GradientNorm.Of(trainable);
        if (!double.IsFinite(loss + norm))
        {
            throw new InvalidOperationException($"loss {loss} and gradient norm {norm} must be finite; the step measured is not a real one.");
        }

        optimizer.Step(1e-4, GradientNorm.ClipScale(norm, 1));
    }
}
