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

        var runners = new (string Name, Func<int, double> Seconds)[]
        {
            ("trainer", steps => Seconds(model, trainable, optimizer, steps)),
            ("Python", python.Seconds),
            ("Python, malloc tuned to huge pages", tuned.Seconds),
        };
        Dictionary<string, List<double>> speeds = runners.ToDictionary(r => r.Name, _ => new List<double>());
        foreach ((_, Func<int, double> seconds) in runners)
        {
            seconds(2);
        }

        for (int round = 0; round < Rounds; round++)
        {
            foreach ((string name, Func<int, double> seconds) in runners)
            {
                speeds[name].Add(Steps * Batch * Time / seconds(Steps));
            }
        }

        return Summarize(speeds, threads);
    }

    private static BenchmarkResult Summarize(Dictionary<string, List<double>> speeds, int threads)
    {
        // Ratios are taken within a round, where both met the same load of the machine.
        double Against(string other) => Median.Of(speeds["trainer"].Zip(speeds[other], (ours, theirs) => ours / theirs));
        return new BenchmarkResult(
            "sft",
            new Dictionary<string, double>
            {
                ["sft_vs_python"] = Against("Python"),
                ["sft_vs_python_huge_pages"] = Against("Python, malloc tuned to huge pages"),
            },
            [.. speeds.Select(s => new BenchmarkRow(s.Key, new Dictionary<string, double>
            {
                ["tokens/s (median)"] = Median.Of(s.Value), ["lowest"] = s.Value.Min(), ["highest"] = s.Value.Max(),
            }))],
            new Dictionary<string, object>
            {
                ["layers"] = Layers, ["width"] = Width, ["heads"] = Heads, ["vocabulary"] = Vocabulary, ["batch"] = $"{Batch}x{Time}",
                ["dropout"] = Dropout, ["threads"] = threads, ["rounds"] = Rounds, ["steps per round"] = Steps,
            });
    }

    private static double Seconds(Gpt2 model, IReadOnlyList<NamedParameter> trainable, AdamW optimizer, int steps)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < steps; i++)
        {
            Step(model, trainable, optimizer);
        }

        return Stopwatch.GetElapsedTime(start).TotalSeconds;
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
