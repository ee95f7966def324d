using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rudder.Trainer.Runs;

namespace Rudder.Benchmarks;

/// <summary>
/// Compares <c>trainer sft</c> in two processes under mpirun with the same run in one, each process with one thread: shape S, the same batches.
/// Without Open MPI the ratio is null.
/// </summary>
internal static class MpiBenchmark
{
    private const int Batch = 16, Time = 128, WarmSteps = 4, Steps = 16, Rounds = 5;
    private const string Mpirun = "mpirun";
    private static readonly (string Label, int Processes)[] Runs = [("sft S, one process", 1), ("sft S, two processes", 2)];

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        string? missing = WhyMissing();
        Dictionary<string, List<double>> speeds = Runs.ToDictionary(run => run.Label, _ => new List<double>());
        if (missing is null)
        {
            string folder = Directory.CreateTempSubdirectory("rudder-bench-").FullName;
            try
            {
                string recipe = WriteRecipe(folder);
                for (int round = 0; round < Rounds; round++)
                {
                    foreach ((string label, int processes) in Runs)
                    {
                        speeds[label].Add(Speed(recipe, processes, Path.Combine(folder, $"run-{round}-{processes}")));
                    }
                }
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        return new BenchmarkResult(
            "mpi",
            new Dictionary<string, double>
            {
                ["mpi_2_vs_1"] = missing is null ? Median.Of(speeds[Runs[1].Label].Zip(speeds[Runs[0].Label], (two, one) => two / one)) : double.NaN,
            },
            [.. speeds.Where(speed => speed.Value.Count > 0).Select(speed => new BenchmarkRow(speed.Key, new Dictionary<string, double>
            {
                ["tokens/s (median)"] = Median.Of(speed.Value), ["lowest"] = speed.Value.Min(), ["highest"] = speed.Value.Max(),
            }))],
            new Dictionary<string, object>
            {
                ["mpi"] = missing ?? "Open MPI", ["threads of a process"] = 1, ["S"] = $"4 layers, width 256, vocabulary 8192, {Batch}x{Time} tokens",
                ["rounds"] = Rounds, ["steps"] = Steps,
            });
    }

    /// <summary>Why the figure cannot be measured here; null if it can.</summary>
    private static string? WhyMissing()
    {
        if (Environment.ProcessorCount < 2)
        {
            return "two processes need two cores";
        }

        try
        {
            (int code, string text) = End(new ProcessStartInfo(Mpirun, ["--version"]));
            return code == 0 && text.Contains("Open MPI", StringComparison.Ordinal) ? null : "mpirun is not Open MPI's";
        }
        catch (Win32Exception)
        {
            return "mpirun is not installed (Debian: openmpi-bin libopenmpi-dev)";
        }
    }

    /// <summary>Tokens per second of a run, the median over its steps after the warm-up.</summary>
    private static double Speed(string recipe, int processes, string output)
    {
        string trainer = Path.ChangeExtension(typeof(RunFolder).Assembly.Location, ".dll");
        string[] job = ["dotnet", trainer, "sft", "--recipe", recipe, "--output", output];
        var start = processes == 1
            ? new ProcessStartInfo(job[0], job[1..])
            : new ProcessStartInfo(Mpirun, ["-n", processes.ToString(CultureInfo.InvariantCulture), "--oversubscribe", "--bind-to", "none", .. job]);
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        (int code, string text) = End(start);
        return code == 0
            ? Median.Of(File.ReadLines(Path.Combine(output, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!)
                .Where(line => (string?)line["split"] == "train" && (int)line["step"]! > WarmSteps).Select(line => (double)line["tokens_per_second"]!))
            : throw new InvalidOperationException($"trainer sft with {processes} processes ended with {code}: {text}");
    }

    /// <summary>Runs a program to its end.</summary>
    /// <returns>Its exit code, and what it wrote.</returns>
    private static (int Code, string Text) End(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }

    private static string WriteRecipe(string folder)
    {
        string model = BenchmarkModel.Exported("imdb-mini"); // its tokenizer
        (IReadOnlyList<string> texts, _) = ReviewTexts.Take(Path.GetFullPath(Path.Combine(model, "..", "..", "..", "..")), 1000);
        string reviews = Path.Combine(folder, "reviews.jsonl"), recipe = Path.Combine(folder, "recipe.json");
        File.WriteAllLines(reviews, texts.Select((text, i) => JsonSerializer.Serialize(new { id = $"bench/{i}", text, label = 0 })));
        File.WriteAllText(recipe, JsonSerializer.Serialize(new
        {
            name = "bench", tokenizer = model, threads = 1, dropout = 0.1, max_steps = WarmSteps + Steps, checkpoint_every = 0, evaluate_every = 0,
            architecture = new { layers = 4, heads = 4, hidden_size = 256, context = Time }, data = new { files = new[] { reviews }, mode = "pack", held_out = 0 },
            batch = new { sequences = Batch, length = Time }, schedule = new { name = "constant" }, export = new { fp32 = false },
        }));
        return recipe;
    }
}
