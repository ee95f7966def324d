using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;

namespace Rudder.Benchmarks;

/// <summary>Compares the classifier engine with naive padded batches on the same graph, and with the same weights in PyTorch.</summary>
internal static class ClassifierBenchmark
{
    private const string Model = "sentiment-mini", Tuned = "PyTorch, sorted, huge pages", NaiveFused = "naive fp32, this program's operators";
    private const int Texts = 256, NaiveTexts = 64, SortedTokens = 2048, Rounds = 7;
    private const double Agreement = 1e-4;

    /// <summary>Runs the benchmark and returns the ratios, rows and settings of the scoring benchmark's first part.</summary>
    /// <param name="threads">Threads of every runner.</param>
    public static (Dictionary<string, double> Ratios, List<BenchmarkRow> Rows, Dictionary<string, object> Settings) Run(int threads)
    {
        string folder = BenchmarkModel.Exported(Model);
        string scratch = Directory.CreateTempSubdirectory("rudder-bench-").FullName;
        try
        {
            var (texts, source) = ReviewTexts.Take(Path.GetFullPath(Path.Combine(folder, "..", "..", "..", "..")), Texts);
            var tokenizer = TextTokenizer.Load(folder) ?? throw new InvalidOperationException($"{folder} has no tokenizer.");
            int[][] ids = [.. texts.Select(text => tokenizer.Encode(text))];
            var times = Measure(folder, scratch, ids, threads);
            return (Ratios(times), Rows(times), new Dictionary<string, object>
            {
                ["classifier"] = $"models/{Model}", ["texts"] = $"{Texts}, {source}", ["naive batch"] = $"{NaiveTexts} texts in file order",
                ["tokens of a text (median)"] = Median.Of(ids.Select(text => (double)text.Length)), ["classifier rounds"] = Rounds,
            });
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static Dictionary<string, List<double>> Measure(string folder, string scratch, int[][] ids, int threads)
    {
        var graphs = GraphFolder.Open(folder);
        using var fp32 = ClassifierEngine.Load(graphs, new EngineOptions { Threads = threads });
        using var int8 = ClassifierEngine.Load(graphs, new EngineOptions { Threads = threads, Precision = GraphPrecision.Int8 });
        // Naive is the graph in plain ONNX Runtime with the engine's settings: no sorting, and none of this program's operators.
        using var options = GraphSession.Options(threads);
        using (var fused = GraphFile.Read(graphs, GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32).Start(threads))
        using (var session = new InferenceSession(Path.Combine(graphs.Path, GraphFiles.Model(GraphPrecision.Fp32)), options))
        {
            var naive = new NaiveClassifier(session, folder, ids, NaiveTexts);
            var naiveFused = new NaiveClassifier(fused, folder, ids, NaiveTexts);
            string windows = Path.Combine(scratch, "windows.json");
            File.WriteAllText(windows, JsonSerializer.Serialize(naive.Windows));
            string[] logits = [Path.Combine(scratch, "file.json"), Path.Combine(scratch, "sorted.json"), Path.Combine(scratch, "tuned.json")];
            string count = threads.ToString(CultureInfo.InvariantCulture);
            string[] bounds = [string.Join(',', naive.BatchSizes), SortedTokens.ToString(CultureInfo.InvariantCulture)];
            using var inOrder = new PythonPeer("classify.py", hugePages: false, folder, windows, logits[0], "file", bounds[0], count);
            using var sorted = new PythonPeer("classify.py", hugePages: false, folder, windows, logits[1], "sorted", bounds[1], count);
            using var tuned = new PythonPeer("classify.py", hugePages: true, folder, windows, logits[2], "sorted", bounds[1], count);
            (string Name, Func<double> Seconds)[] runners =
            [
                ("engine fp32", () => Timed(() => Classify(fp32, ids))),
                ("naive fp32", () => Timed(() => naive.Run())),
                (NaiveFused, () => Timed(() => naiveFused.Run())),
                ("engine int8", () => Timed(() => Classify(int8, ids))),
                ("PyTorch, file order", () => inOrder.Run(1).Wall),
                ("PyTorch, sorted", () => sorted.Run(1).Wall),
                (Tuned, () => tuned.Run(1).Wall),                // the engine's weights use huge pages too
            ];
            return Alternate(runners, warm: () => CheckAgreement(fp32, naive, logits));
        }
    }

    private static IReadOnlyList<TextClassification> Classify(ClassifierEngine engine, IReadOnlyList<int[]> texts) =>
        engine.ClassifyAsync([.. texts.Select(engine.Windows)], "", CancellationToken.None).Result;

    private static Dictionary<string, List<double>> Alternate((string Name, Func<double> Seconds)[] runners, Action warm)
    {
        var times = runners.ToDictionary(runner => runner.Name, _ => new List<double>());
        Array.ForEach(runners, runner => runner.Seconds());
        warm();
        for (int round = 0; round < Rounds; round++)
        {
            foreach ((string name, Func<double> seconds) in runners)
            {
                times[name].Add(seconds());
            }
        }

        return times;
    }

    /// <summary>Throws if a runner's probabilities differ: then the times do not compare the same work.</summary>
    private static void CheckAgreement(ClassifierEngine engine, NaiveClassifier naive, string[] logitFiles)
    {
        var ours = engine.ClassifyAsync([.. naive.Windows.Select(window => (int[][])[window])], "", CancellationToken.None).Result;
        foreach ((string name, float[][] logits) in logitFiles
            .Select(file => (Path.GetFileName(file), JsonSerializer.Deserialize<float[][]>(File.ReadAllText(file))!)).Append(("naive", naive.Run())))
        {
            double worst = logits.Select((row, i) => Math.Abs(Probability(row) - ours[i].Probabilities[1])).Max();
            if (!(worst <= Agreement))
            {
                throw new InvalidOperationException($"{name}: a probability differs by {worst} from the engine's; the limit is {Agreement}. The two do not run the same model.");
            }
        }
    }

    private static double Probability(float[] logits) => 1 / (1 + Math.Exp((double)logits[0] - logits[1]));

    private static Dictionary<string, double> Ratios(Dictionary<string, List<double>> times)
    {
        string peer = times.Keys.Where(name => name.StartsWith("PyTorch", StringComparison.Ordinal)).MinBy(name => Median.Of(times[name]))!;
        // Ratios within a round: all runners met the same load of the machine.
        double Against(string other, string engine) => Median.Of(times[other].Zip(times[engine], (theirs, ours) => theirs / ours));
        return new Dictionary<string, double>
        {
            ["bucketed_vs_naive"] = Against("naive fp32", "engine fp32"),
            ["bucketed_vs_naive_same_operators"] = Against(NaiveFused, "engine fp32"),
            ["classifier_vs_pytorch"] = Against(peer, "engine fp32"),
            ["classifier_int8_vs_fp32"] = Against("engine fp32", "engine int8"),
        };
    }

    private static List<BenchmarkRow> Rows(Dictionary<string, List<double>> times) =>
    [
        .. times.Select(runner => new BenchmarkRow($"classify, {runner.Key}", new Dictionary<string, double>
        {
            ["texts/s (median)"] = Texts / Median.Of(runner.Value), ["lowest"] = Texts / runner.Value.Max(), ["highest"] = Texts / runner.Value.Min(),
        })),
    ];

    private static double Timed(Action run)
    {
        long start = Stopwatch.GetTimestamp();
        run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
