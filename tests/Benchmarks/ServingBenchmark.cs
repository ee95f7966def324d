using System.Diagnostics;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Inference.V1;

namespace Rudder.Benchmarks;

/// <summary>
/// Measures the cost of gRPC: 64 callers in a closed loop call the slot engine in this process and the service on loopback, alternating
/// in one run.
/// </summary>
/// <remarks>
/// Both engines have the same model, slots and threads, and sleep while the other is measured. The load generator shares the machine
/// with the service, so its processor time counts against gRPC.
/// </remarks>
internal static class ServingBenchmark
{
    private const int Callers = 64, Requests = 2, PromptTokens = 8, NewTokens = 48, MaxTokens = 64;
    private const int Rounds = 5, Channels = 4, Vocabulary = 50_257;
    private const string Alone = "engine alone", ThroughGrpc = "through gRPC", Streams = "through gRPC, streams";

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        int threads = Math.Min(Environment.ProcessorCount, 2);
        string folder = BenchmarkModel.Gpt2Small();
        var ratios = new Dictionary<string, double>();
        List<BenchmarkRow> rows = [];
        foreach ((GraphPrecision precision, string name, string key) in new[]
        {
            (GraphPrecision.Fp32, "fp32", "grpc_vs_engine_64"), (GraphPrecision.Int8, "int8", "grpc_vs_engine_64_int8"),
        })
        {
            var rounds = MeasureAsync(folder, precision, name, threads).GetAwaiter().GetResult();

            // Ratios within a round: both runners met the same load of the machine.
            ratios[key] = Median.Of(rounds[ThroughGrpc].Zip(rounds[Alone], (grpc, alone) => grpc.TokensPerSecond / alone.TokensPerSecond));
            rows.AddRange(rounds.Select(runner => Row($"{name}, {runner.Key}", runner.Value)));
        }

        return new BenchmarkResult("serving", ratios, rows, new Dictionary<string, object>
        {
            ["model"] = "GPT-2-124M shape, random weights", ["callers"] = Callers, ["requests of each"] = Requests, ["prompt tokens"] = PromptTokens,
            ["new tokens"] = NewTokens, ["slots"] = Callers, ["threads"] = threads, ["channels"] = Channels, ["rounds"] = Rounds,
        });
    }

    private static BenchmarkRow Row(string label, List<ServingRound> rounds)
    {
        var figures = new Dictionary<string, double>
        {
            ["tokens/s (median)"] = Median.Of(rounds.Select(round => round.TokensPerSecond)),
            ["lowest"] = rounds.Min(round => round.TokensPerSecond),
            ["highest"] = rounds.Max(round => round.TokensPerSecond),
            ["p50 ms"] = ServingRound.Percentile(rounds.SelectMany(round => round.Latencies), 0.5),
            ["p99 ms"] = ServingRound.Percentile(rounds.SelectMany(round => round.Latencies), 0.99),
        };
        double[] firsts = [.. rounds.SelectMany(round => round.FirstTokens).Where(value => !double.IsNaN(value))];
        if (firsts.Length > 0)
        {
            figures["first token p50 ms"] = ServingRound.Percentile(firsts, 0.5);
            figures["first token p99 ms"] = ServingRound.Percentile(firsts, 0.99);
        }

        return new BenchmarkRow(label, figures);
    }

    private static async Task<Dictionary<string, List<ServingRound>>> MeasureAsync(string folder, GraphPrecision precision, string name, int threads)
    {
        var options = new EngineOptions { Precision = precision, MaxSlots = Callers, MaxTokens = MaxTokens, Threads = threads };
        await using var engine = SlotEngine.Load(GraphFolder.Open(folder), options, null);
        using var service = ServedModel.Start(folder, name, Channels, new Dictionary<string, int>
        {
            ["MaxSlots"] = Callers, ["MaxTokens"] = MaxTokens, ["Threads"] = threads,
        });
        int[][] prompts = Prompts();
        SampleRequest[] requests = [.. prompts.Select(Request)];
        (string Name, Func<int, int, Task<ServedRequest>> Ask)[] runners =
        [
            (Alone, (caller, request) => AskEngineAsync(engine, prompts, Place(caller, request))),
            (ThroughGrpc, (caller, request) => AskServiceAsync(service.Clients[caller % Channels], requests[Place(caller, request)])),
            (Streams, (caller, request) => AskStreamAsync(service.Clients[caller % Channels], requests[Place(caller, request)])),
        ];

        var rounds = runners.ToDictionary(runner => runner.Name, _ => new List<ServingRound>());
        foreach (var (_, ask) in runners)
        {
            await ServingLoad.RunAsync(Callers, 1, ask);     // warm-up: bindings of every width, compiled code, open connections
        }

        for (int round = 0; round < Rounds; round++)
        {
            // The order changes from round to round.
            for (int i = 0; i < runners.Length; i++)
            {
                var (runner, ask) = runners[round % 2 == 0 ? i : runners.Length - 1 - i];
                rounds[runner].Add(await ServingLoad.RunAsync(Callers, Requests, ask));
            }
        }

        return rounds;
    }

    private static int Place(int caller, int request) => (caller * Requests) + request;

    private static int[][] Prompts()
    {
        var random = new Random(Callers);
        return [.. Enumerable.Range(0, Callers * Requests).Select(_ => Enumerable.Range(0, PromptTokens).Select(_ => random.Next(Vocabulary - 1)).ToArray())];
    }

    // Built once: the benchmark measures the service and the wire, not the building of requests.
    private static SampleRequest Request(int[] prompt, int number) => new()
    {
        Model = ServedModel.Name,
        Prompts = { new Prompt { Ids = new TokenIds { Ids = { prompt } }, Seed = (uint)number } },
        Settings = new SamplerSettings { MaxNewTokens = NewTokens },
    };

    private static async Task<ServedRequest> AskEngineAsync(SlotEngine engine, int[][] prompts, int number)
    {
        var prompt = new PromptRequest { PromptIds = prompts[number], MaxNewTokens = NewTokens, Seed = (uint)number };
        var drawn = await engine.GenerateAsync(new GenerationBatch([prompt]), CancellationToken.None);
        return new ServedRequest(drawn[0][0].Ids.Length, double.NaN);
    }

    private static async Task<ServedRequest> AskServiceAsync(Inference.V1.Sampling.SamplingClient client, SampleRequest request)
    {
        SampleResponse response = await client.SampleAsync(request);
        return new ServedRequest(response.Usage.CompletionTokens, double.NaN);
    }

    private static async Task<ServedRequest> AskStreamAsync(Inference.V1.Sampling.SamplingClient client, SampleRequest request)
    {
        long asked = Stopwatch.GetTimestamp();
        double first = double.NaN;
        int tokens = 0;
        using var call = client.SampleStream(request);
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            if (call.ResponseStream.Current.EventCase == SampleStreamResponse.EventOneofCase.Token && tokens++ == 0)
            {
                first = Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
            }
        }

        return new ServedRequest(tokens, first);
    }
}
