using Rudder.Checkpoints;

namespace Rudder.Engine;

/// <summary>Limits of one loaded model's engines.</summary>
public sealed record EngineOptions
{
    /// <summary>Precision of the graphs. Default fp32.</summary>
    public GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;

    /// <summary>
    /// Whether the weights of generators can be replaced in place (<c>EngineHost.ReplaceWeightsAsync</c>). Default false. It applies to
    /// fp32 models of the slots engine on the processor. Their embeddings, norms and biases are then copied into memory instead of mapped
    /// from the file, and without AVX-512 products are slower.
    /// </summary>
    public bool ReplaceableWeights { get; init; }

    /// <summary>Device that runs the graphs. Default cpu.</summary>
    public GraphDevice Device { get; init; } = GraphDevice.Cpu;

    /// <summary>Path of the CUDA provider library. Default empty: the library of this build.</summary>
    public string CudaProviderLibrary { get; init; } = "";

    /// <summary>
    /// Sequences decoded together. Default 32, range 1 to 1,024; GenAI decodes at most 32. The key-value cache takes MaxSlots × MaxTokens ×
    /// layers × 2 × width × 4 bytes; int8 graphs on the slots engine and fp16 graphs take 2 bytes instead of 4.
    /// </summary>
    public int MaxSlots { get; init => field = InRange(value, 1, 1024, "MaxSlots"); } = 32;

    /// <summary>
    /// Maximum tokens of prompt and completion together; 0 means the model's context. Default 0, range 0 to 1,048,576. Loading a model
    /// fails with 1, with a number above the context, and above 131,072 on the slots engine on the processor.
    /// </summary>
    public int MaxTokens { get; init => field = InRange(value, 0, 1 << 20, "MaxTokens"); }

    /// <summary>Compute threads of one engine; 0 means one per processor. Default 0, range 0 to 1,024.</summary>
    public int Threads { get; init => field = InRange(value, 0, 1024, "Threads"); }

    /// <summary>Maximum size of the key-value cache, bytes. Default 8 GiB.</summary>
    public long MaxCacheBytes { get; init => field = InRange(value, 1, long.MaxValue, "MaxCacheBytes"); } = 8L << 30;

    /// <summary>Maximum number of sequences that wait for a slot. Default 4,096, range 1 to 1,048,576.</summary>
    public int MaxQueuedSequences { get; init => field = InRange(value, 1, 1 << 20, "MaxQueuedSequences"); } = 4096;

    /// <summary>
    /// Maximum prompt tokens, padding included, of one prefill. It bounds how long a prefill delays running sequences. Default 1,024, range
    /// 1 to 1,048,576. The engine reads a longer prompt in chunks of this size, but never in a chunk of one token.
    /// </summary>
    public int MaxPrefillTokens { get; init => field = InRange(value, 1, 1 << 20, "MaxPrefillTokens"); } = 1024;

    /// <summary>Which clients may reuse each other's cached prompt prefixes. Default client.</summary>
    public PrefixSharing SharePrefixes { get; init; } = PrefixSharing.Client;

    /// <summary>Maximum padded tokens of one scoring batch; a longer sequence runs alone. Default 2,048, range 1 to 1,048,576.</summary>
    public int MaxScoringTokens { get; init => field = InRange(value, 1, 1 << 20, "MaxScoringTokens"); } = 2048;

    /// <summary>Maximum bytes of full logits in scoring; a divergence takes twice that. Default 64 MiB, range 1 MiB to 64 GiB.</summary>
    public long MaxScoringBytes { get; init => field = InRange(value, 1 << 20, 64L << 30, "MaxScoringBytes"); } = 64 << 20;

    /// <summary>Maximum stated size of one model (graph weights, key-value cache, logits), bytes. Default 0: free memory at load.</summary>
    public long MaxModelBytes { get; init => field = InRange(value, 0, long.MaxValue, "MaxModelBytes"); }

    /// <summary>Time that running calls have to finish when their model is replaced or unloaded. Default 30 s.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Maximum prompts of one request. Default 1,024.</summary>
    public int MaxPrompts { get; init => field = InRange(value, 1, 1 << 16, "MaxPrompts"); } = 1024;

    /// <summary>Maximum completions of one prompt. Default 64.</summary>
    public int MaxSamples { get; init => field = InRange(value, 1, 4096, "MaxSamples"); } = 64;

    /// <summary>Maximum completions of one request, prompts × samples. Default 2,048.</summary>
    public int MaxSequences { get; init => field = InRange(value, 1, 1 << 16, "MaxSequences"); } = 2048;

    /// <summary>Maximum stop strings of one request, and maximum stop ids. Default 16.</summary>
    public int MaxStops { get; init => field = InRange(value, 0, 256, "MaxStops"); } = 16;

    /// <summary>Maximum length of one stop string, UTF-16 units. Default 128.</summary>
    public int MaxStopLength { get; init => field = InRange(value, 1, 4096, "MaxStopLength"); } = 128;

    /// <summary>Maximum texts or sequences of one request that classifies, scores, encodes or decodes. Default 1,024.</summary>
    public int MaxInputs { get; init => field = InRange(value, 1, 1 << 16, "MaxInputs"); } = 1024;

    /// <summary>Maximum length of one text, UTF-16 units. Default 65,536.</summary>
    public int MaxTextLength { get; init => field = InRange(value, 1, 1 << 24, "MaxTextLength"); } = 65_536;

    /// <summary>Maximum bytes of one request's most probable tokens, 8 bytes each. Default 64 MiB.</summary>
    public long MaxRankedBytes { get; init => field = InRange(value, 1 << 10, 1L << 30, "MaxRankedBytes"); } = 64 << 20;

    private static int InRange(int value, int low, int high, string name) => (int)InRange((long)value, low, high, name);

    private static long InRange(long value, long low, long high, string name) => value >= low && value <= high
        ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; it must be from {low} to {high}.");
}
