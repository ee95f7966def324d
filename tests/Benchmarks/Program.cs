using Rudder.Benchmarks;
using Rudder.Engine;

var benchmarks = new Dictionary<string, Func<BenchmarkResult>>
{
    ["engines"] = EnginesBenchmark.Run,
    ["serving"] = ServingBenchmark.Run,
    ["sft"] = SftBenchmark.Run,
    ["dpo"] = DpoBenchmark.Run,
    ["mpi"] = MpiBenchmark.Run,
    ["training"] = TrainingBenchmark.Run,
    ["sampling"] = SamplingBenchmark.Run,
    ["profile"] = StepProfile.Run,
    ["scoring"] = ScoringBenchmark.Run,
    ["gpu"] = GpuBenchmark.Run,
};

if (args is not [string name, "--output", string output] || !benchmarks.TryGetValue(name, out Func<BenchmarkResult>? benchmark))
{
    Console.Error.WriteLine($"usage: Benchmarks NAME --output FILE, with NAME one of: {string.Join(", ", benchmarks.Keys)}");
    return 1;
}

try
{
    BenchmarkResult result = benchmark();
    Console.WriteLine(result.ToMarkdown());
    result.Write(output);
    return 0;
}
catch (RequestFault e)
{
    Console.Error.WriteLine($"bench {name}: {e.Message}");   // no device, or an unusable model
    return 2;
}
