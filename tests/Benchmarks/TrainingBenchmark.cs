namespace Rudder.Benchmarks;

/// <summary>All figures of training in one run. A new figure is a benchmark of its own and a line in <see cref="Parts"/>.</summary>
internal static class TrainingBenchmark
{
    /// <summary>Ratios have the same names here as in their own benchmarks; settings get the part's name as prefix.</summary>
    private static readonly Func<BenchmarkResult>[] Parts =
    [
        SftBenchmark.Run,
        DpoBenchmark.Run,
        RolloutBenchmark.Run,
        MpiBenchmark.Run,
    ];

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        List<BenchmarkResult> parts = [];
        foreach (Func<BenchmarkResult> part in Parts)
        {
            Console.Error.WriteLine($"{part.Method.DeclaringType!.Name} ...");
            parts.Add(part());
        }

        return new BenchmarkResult(
            "training",
            parts.SelectMany(part => part.Ratios).ToDictionary(),
            [.. parts.SelectMany(part => part.Rows)],
            parts.SelectMany(part => part.Settings.Select(setting => KeyValuePair.Create($"{part.Name} {setting.Key}", setting.Value))).ToDictionary());
    }
}
