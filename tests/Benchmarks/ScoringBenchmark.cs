using System.Diagnostics;
using System.Globalization;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;

namespace Rudder.Benchmarks;

/// <summary>
/// Compares the classifier with its peers, and log-probs and divergences with their matrix products alone; measures peak memory.
/// </summary>
internal static class ScoringBenchmark
{
    private const int Rounds = 5, Vocabulary = 50_257, MemoryVocabulary = 8000;
    private const double Mebi = 1 << 20;
    private static readonly Shape Short = new(64, 32, 64), Long = new(16, 32, 480);

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        int threads = Math.Min(Environment.ProcessorCount, 2);
        // First, before other work raises the peak of the process.
        (double small, double large) = PeakMemory(threads);
        var (ratios, rows, settings) = ClassifierBenchmark.Run(threads);
        rows.AddRange(AgainstCeiling(ratios, threads));
        ratios["logprobs_peak_memory_1000_vs_100"] = large / small;
        rows.Add(new BenchmarkRow("LogProbs of imdb-mini, 100 sequences", new Dictionary<string, double> { ["peak RSS MiB"] = small }));
        rows.Add(new BenchmarkRow("LogProbs of imdb-mini, 1,000 sequences", new Dictionary<string, double> { ["peak RSS MiB"] = large }));
        settings["log-prob model"] = "GPT-2-124M shape, random weights, fp32";
        settings["log-prob rounds"] = Rounds;
        settings["threads"] = threads;
        return new BenchmarkResult("scoring", ratios, rows, settings);
    }

    private static List<BenchmarkRow> AgainstCeiling(Dictionary<string, double> ratios, int threads)
    {
        string folder = BenchmarkModel.Gpt2Small();
        var graphs = GraphFolder.Open(folder);
        var options = new EngineOptions { Threads = threads };
        using var model = LogProbEngine.Load(graphs, options);
        using var reference = LogProbEngine.Load(graphs, options);
        using var ceiling = MatrixCeiling.Open(folder, GraphPrecision.Fp32, threads);
        (string Name, Shape Shape, Func<double> Seconds)[] runners =
        [
            ($"ceiling, {Short}", Short, () => Ceiling(ceiling, Short)),
            ($"LogProbs, {Short}", Short, () => Timed(() => model.Score(Short.Sequences(Vocabulary), CancellationToken.None))),
            ($"Divergence, {Short}", Short, () => Timed(() => model.Diverge(reference, Short.Sequences(Vocabulary), CancellationToken.None))),
            ($"ceiling, {Long}", Long, () => Ceiling(ceiling, Long)),
            ($"LogProbs, {Long}", Long, () => Timed(() => model.Score(Long.Sequences(Vocabulary), CancellationToken.None))),
        ];
        model.Diverge(reference, (Short with { Count = 8 }).Sequences(Vocabulary), CancellationToken.None);
        Ceiling(ceiling, Short);
        var times = runners.ToDictionary(runner => runner.Name, _ => new List<double>());
        for (int round = 0; round < Rounds; round++)
        {
            Array.ForEach(runners, runner => times[runner.Name].Add(runner.Seconds()));
        }

        // Ratios within a round: all runners met the same load of the machine.
        double Share(string engine, Shape shape, int models) =>
            Median.Of(times[$"ceiling, {shape}"].Zip(times[$"{engine}, {shape}"], (products, ours) => models * products / ours));
        ratios["logprobs_vs_ceiling"] = Share("LogProbs", Short, 1);
        ratios["logprobs_long_vs_ceiling"] = Share("LogProbs", Long, 1);
        ratios["divergence_vs_ceiling"] = Share("Divergence", Short, 2);
        return [.. runners.Select(runner => new BenchmarkRow(runner.Name, new Dictionary<string, double>
        {
            ["tokens/s (median)"] = runner.Shape.Tokens / Median.Of(times[runner.Name]),
            ["lowest"] = runner.Shape.Tokens / times[runner.Name].Max(),
            ["highest"] = runner.Shape.Tokens / times[runner.Name].Min(),
        }))];
    }

    /// <summary>
    /// Returns the seconds of the products alone for a whole shape: those of as many sequences as the logits buffer holds, scaled to
    /// all sequences.
    /// </summary>
    private static double Ceiling(MatrixCeiling ceiling, Shape shape)
    {
        long positions = new EngineOptions().MaxScoringBytes / (Vocabulary * sizeof(float));
        int together = (int)Math.Max(1, positions / shape.Completion);
        return ceiling.ScoringSeconds(together * shape.Fed, together * shape.Completion) * shape.Count / together;
    }

    private static (double Small, double Large) PeakMemory(int threads)
    {
        string folder = BenchmarkModel.Exported("imdb-mini");
        using var engine = LogProbEngine.Load(GraphFolder.Open(folder), new EngineOptions { Threads = threads });
        // The first call allocates the buffers and fills the arena with its largest batch.
        engine.Score((Short with { Count = 100 }).Sequences(MemoryVocabulary), CancellationToken.None);
        return (Peak(100), Peak(1000));

        double Peak(int count)
        {
            var sequences = (Short with { Count = count }).Sequences(MemoryVocabulary);
            ForgetPeak();
            engine.Score(sequences, CancellationToken.None);
            return PeakMebibytes();
        }
    }

    /// <summary>Resets the kernel's peak to the current size. Without permission the peak covers the whole life of the process.</summary>
    private static void ForgetPeak()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"The memory peak cannot be reset ({e.Message}), so it counts from the start of the process.");
        }
    }

    private static double PeakMebibytes()
    {
        string line = File.ReadLines("/proc/self/status").First(entry => entry.StartsWith("VmHWM:", StringComparison.Ordinal));
        string kibibytes = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return double.Parse(kibibytes, CultureInfo.InvariantCulture) * 1024 / Mebi;
    }

    private static double Timed(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Sequences of one length.</summary>
    private sealed record Shape(int Count, int Prompt, int Completion)
    {
        /// <summary>Tokens of one sequence that the model reads.</summary>
        public int Fed => Prompt + Completion - 1;

        /// <summary>Tokens of all sequences that the model reads.</summary>
        public double Tokens => (double)Count * Fed;

        /// <summary>Returns sequences of random ids from a fixed seed.</summary>
        public ScoredSequence[] Sequences(int vocabulary)
        {
            var random = new Random(Count);
            int[] Ids(int length) => [.. Enumerable.Range(0, length).Select(_ => random.Next(vocabulary))];
            return [.. Enumerable.Range(0, Count).Select(_ => new ScoredSequence(Ids(Prompt), Ids(Completion)))];
        }

        /// <inheritdoc/>
        public override string ToString() => $"{Count} x ({Prompt} + {Completion})";
    }
}
