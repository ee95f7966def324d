using Rudder.Checkpoints;

namespace Rudder.Engine;

/// <summary>Limits of one loaded model's engines.</summary>
public sealed record EngineOptions
{
    /// <summary>Precision of the graphs. Default fp32.</summary>
    public GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;

    /// <summary>Where the graphs compute. Default cpu.</summary>
    public GraphDevice Device { get; init; } = GraphDevice.Cpu;

    /// <summary>Library of the CUDA provider; empty: the one of the build. Default empty.</summary>
    public string CudaProviderLibrary { get; init; } = "";

    /// <summary>Sequences decoded together. Memory grows with it: MaxSlots × MaxTokens × layers × 2 × width × 4 bytes, or 2 for int8 graphs on the slots engine and for fp16. GenAI decodes at most 32 together. Default 32, range 1 to 1,024.</summary>
    public int MaxSlots { get; init => field = InRange(value, 1, 1024, "MaxSlots"); } = 32;

    /// <summary>Tokens of prompt and completion together at most; 0 is the model's context. Default 0, range 0 to 1,048,576; 1, a number above the context, and on the processor's slots engine one above 131,072 are errors when a model is loaded.</summary>
    public int MaxTokens { get; init => field = InRange(value, 0, 1 << 20, "MaxTokens"); }

    /// <summary>Threads one engine computes with; 0 is one per processor. Default 0, range 0 to 1,024.</summary>
    public int Threads { get; init => field = InRange(value, 0, 1024, "Threads"); }

    /// <summary>Largest key-value cache that is allocated, bytes. Default 8 GiB.</summary>
    public long MaxCacheBytes { get; init => field = InRange(value, 1, long.MaxValue, "MaxCacheBytes"); } = 8L << 30;

    /// <summary>Sequences that may wait for a slot. Default 4,096, range 1 to 1,048,576.</summary>
    public int MaxQueuedSequences { get; init => field = InRange(value, 1, 1 << 20, "MaxQueuedSequences"); } = 4096;

    /// <summary>Prompt tokens, padding included, that go through one prefill, so that running sequences never wait longer than that. Default 1,024, range 1 to 1,048,576; a longer prompt is read in chunks of that size, but never of a single token.</summary>
    public int MaxPrefillTokens { get; init => field = InRange(value, 1, 1 << 20, "MaxPrefillTokens"); } = 1024;

    /// <summary>Whose prompts may begin with what is cached of whose. Default client.</summary>
    public PrefixSharing SharePrefixes { get; init; } = PrefixSharing.Client;

    /// <summary>Tokens, padding included, in one scoring batch. Default 2,048, range 1 to 1,048,576; a single longer sequence still goes through at once.</summary>
    public int MaxScoringTokens { get; init => field = InRange(value, 1, 1 << 20, "MaxScoringTokens"); } = 2048;

    /// <summary>Memory for the full logits held at once while scoring, bytes; a divergence holds them twice. Default 64 MiB, range 1 MiB to 64 GiB.</summary>
    public long MaxScoringBytes { get; init => field = InRange(value, 1 << 20, 64L << 30, "MaxScoringBytes"); } = 64 << 20;

    /// <summary>Largest stated size of one model (weights of its graphs, key-value cache, logits), bytes; 0: what the machine has free when it is loaded. Default 0.</summary>
    public long MaxModelBytes { get; init => field = InRange(value, 0, long.MaxValue, "MaxModelBytes"); }

    /// <summary>Time that running calls have to finish when their model is replaced or unloaded. Default 30 s.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Prompts of one request. Default 1,024.</summary>
    public int MaxPrompts { get; init => field = InRange(value, 1, 1 << 16, "MaxPrompts"); } = 1024;

    /// <summary>Completions of one prompt. Default 64.</summary>
    public int MaxSamples { get; init => field = InRange(value, 1, 4096, "MaxSamples"); } = 64;

    /// <summary>Completions of one request, prompts × samples. Default 2,048.</summary>
    public int MaxSequences { get; init => field = InRange(value, 1, 1 << 16, "MaxSequences"); } = 2048;

    /// <summary>Stop strings, and stop ids, of one request. Default 16.</summary>
    public int MaxStops { get; init => field = InRange(value, 0, 256, "MaxStops"); } = 16;

    /// <summary>UTF-16 units of one stop string. Default 128.</summary>
    public int MaxStopLength { get; init => field = InRange(value, 1, 4096, "MaxStopLength"); } = 128;

    /// <summary>Texts or sequences of one request that classifies, scores, encodes or decodes. Default 1,024.</summary>
    public int MaxInputs { get; init => field = InRange(value, 1, 1 << 16, "MaxInputs"); } = 1024;

    /// <summary>UTF-16 units of one text. Default 65,536.</summary>
    public int MaxTextLength { get; init => field = InRange(value, 1, 1 << 24, "MaxTextLength"); } = 65_536;

    /// <summary>Bytes that one request's most probable tokens may take, 8 for each. Default 64 MiB.</summary>
    public long MaxRankedBytes { get; init => field = InRange(value, 1 << 10, 1L << 30, "MaxRankedBytes"); } = 64 << 20;

    private static int InRange(int value, int low, int high, string name) => (int)InRange((long)value, low, high, name);

    private static long InRange(long value, long low, long high, string name) => value >= low && value <= high
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; it must be from {low} to {high}.");
}
