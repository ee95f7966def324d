using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;

namespace Rudder.Benchmarks;

/// <summary>
/// Tokens per second of the slot engine with GPT-2's 124M shape, in fp32 and int8, with plain, top-k 50 and greedy draws, at widths 1 to
/// 64, compared in one run with GenAI and with the bound that matrix products set.
/// </summary>
/// <remarks>
/// All runners have the same prompts per width and the same threads, and draw 48 tokens after 8, with the prefill in the time. The slot
/// engine runs complete, from request to result, log-probs included. GenAI runs its bare loop with at most 32 sequences; its plain draws
/// run for a few steps and leave the prefill out. Runners alternate in every round, and ratios are medians of the ratios within a round.
/// Every sequence reaches its length limit.
/// </remarks>
internal static class SamplingBenchmark
{
    private const int PromptTokens = 8, NewTokens = 48, SlotTokens = 64, Rounds = 5;
    private const int GenAiWidest = 32, GenAiPlainTokens = 5, GenAiPlainRounds = 3;
    private static readonly int[] Widths = [1, 8, 32, 64];
    private static readonly (string Name, SamplingParameters Parameters)[] Draws =
    [
        ("plain", SamplingParameters.Plain), ("top-k 50", new SamplingParameters(TopK: 50)), ("greedy", SamplingParameters.Greedy),
    ];

    /// <summary>Runs the benchmark.</summary>
    public static BenchmarkResult Run()
    {
        NativeEnvironment.Prepare();
        int threads = Math.Min(Environment.ProcessorCount, 2);
        string folder = BenchmarkModel.Gpt2Small();
        var measured = new Dictionary<int, SamplingRounds>();
        foreach (int width in Widths)
        {
            Console.Error.WriteLine($"width {width}: {Rounds} rounds ...");
            measured[width] = Measure(folder, width, threads);
        }

        return new BenchmarkResult("sampling", Ratios(measured), [.. measured.SelectMany(width => width.Value.Rows(width.Key))], new Dictionary<string, object>
        {
            ["model"] = "GPT-2 124M shape, random weights", ["prompt tokens"] = PromptTokens, ["new tokens"] = NewTokens, ["threads"] = threads, ["rounds"] = Rounds,
        });
    }

    private static Dictionary<string, double> Ratios(Dictionary<int, SamplingRounds> measured)
    {
        var (wide, w32) = (measured[64], measured[32]);
        var ratios = new Dictionary<string, double>
        {
            ["fp32_w64_vs_ceiling"] = wide.Ratio("slots fp32, plain", "ceiling fp32"),
            ["int8_w64_vs_ceiling"] = wide.Ratio("slots int8, plain", "ceiling int8"),
            ["fp32_w64_decode_vs_ceiling"] = wide.DecodeShare("slots fp32, plain", "ceiling fp32", 64),
            ["int8_w64_decode_vs_ceiling"] = wide.DecodeShare("slots int8, plain", "ceiling int8", 64),
            ["fp32_w32_vs_genai_plain"] = w32.Ratio("slots fp32, plain", "GenAI fp32, plain"),
            ["fp32_w32_vs_genai_best"] = w32.AgainstBest("slots fp32, plain", "GenAI fp32, greedy", "GenAI fp32, top-k 50"),
            ["int8_w32_vs_genai_plain"] = w32.Ratio("slots int8, plain", "GenAI int8, plain"),
            ["int8_w32_vs_genai_best"] = w32.AgainstBest("slots int8, plain", "GenAI int8, greedy", "GenAI int8, top-k 50"),
            ["sampler_share_w64"] = wide.SamplerShare("slots fp32, plain"),
            ["sampler_share_w64_int8"] = wide.SamplerShare("slots int8, plain"),
        };
        return ratios;
    }

    private static SamplingRounds Measure(string folder, int width, int threads)
    {
        int[][] prompts = Prompts(width);
        var graphs = GraphFolder.Open(folder);
        using var genAi = width <= GenAiWidest ? GenAiPeer.Open(graphs.ModelFolder, threads) : null;
        using var ceiling32 = MatrixCeiling.Open(folder, GraphPrecision.Fp32, threads);
        using var ceiling8 = MatrixCeiling.Open(folder, GraphPrecision.Int8, threads);
        var options = new EngineOptions { MaxSlots = width, MaxTokens = SlotTokens, Threads = threads };
        var rounds = new SamplingRounds();
        var fp32 = SlotEngine.Load(graphs, options, null, rounds.Recorder("slots fp32"));
        var int8 = SlotEngine.Load(graphs, options with { Precision = GraphPrecision.Int8 }, null, rounds.Recorder("slots int8"));
        for (int round = -1; round < Rounds; round++)
        {
            foreach (var (draw, parameters) in Draws)
            {
                rounds.Time($"slots fp32, {draw}", () => Slots(fp32, prompts, parameters));
                rounds.Time($"slots int8, {draw}", () => Slots(int8, prompts, parameters));
                bool plain = draw == "plain";
                if (plain)                                   // right after the runner it is compared with
                {
                    rounds.Add("ceiling fp32", width / ceiling32.Seconds(width, NewTokens));
                    rounds.Add("ceiling int8", width / ceiling8.Seconds(width, NewTokens));
                }

                // For plain draws GenAI sorts 50,257 logits per row and takes minutes for 48 tokens. All steps cost the same, so a few
                // are enough.
                if (genAi is not null && (!plain || round < GenAiPlainRounds))
                {
                    int tokens = plain ? GenAiPlainTokens : NewTokens;
                    rounds.Add($"GenAI fp32, {draw}", genAi.Speed(GraphPrecision.Fp32, prompts, tokens, parameters, plain));
                    rounds.Add($"GenAI int8, {draw}", genAi.Speed(GraphPrecision.Int8, prompts, tokens, parameters, plain));
                }
            }

            if (round < 0)
            {
                rounds.Clear();                              // the first round is the warm-up
            }
        }

        fp32.DisposeAsync().AsTask().Wait();
        int8.DisposeAsync().AsTask().Wait();
        return rounds;
    }

    private static int[][] Prompts(int width)
    {
        var random = new Random(width);
        return [.. Enumerable.Range(0, width).Select(_ => Enumerable.Range(0, PromptTokens).Select(_ => random.Next(50_000)).ToArray())];
    }

    private static int Slots(SlotEngine engine, int[][] prompts, SamplingParameters parameters)
    {
        var batch = new GenerationBatch([.. prompts.Select((ids, i) => new PromptRequest
        {
            PromptIds = ids, MaxNewTokens = NewTokens, Seed = (uint)i, Parameters = parameters,
        })]);
        return engine.GenerateAsync(batch, CancellationToken.None).Result.Sum(samples => samples.Sum(sequence => sequence.Ids.Length));
    }
}
