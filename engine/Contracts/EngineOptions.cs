using System.ComponentModel.DataAnnotations;
using Rudder.Checkpoints;

namespace Rudder.Engine;

/// <summary>Limits of one loaded model's engines.</summary>
public record EngineOptions
{
    /// <summary>Precision of the graphs, from <see cref="ModelSource.Precision"/>. Default fp32.</summary>
    internal GraphPrecision Precision { get; init; } = GraphPrecision.Fp32;

    /// <summary>Device that runs the graphs. Default cpu.</summary>
    [EnumDataType(typeof(GraphDevice))]
    public GraphDevice Device { get; init; } = GraphDevice.Cpu;

    /// <summary>Path of the CUDA provider library. Default empty: the library of this build.</summary>
    public string CudaProviderLibrary { get; init; } = "";

    /// <summary>
    /// Sequences decoded together. Default 32, range 1 to 1,024; GenAI decodes at most 32. The key-value cache takes MaxSlots × MaxTokens ×
    /// layers × 2 × width × 4 bytes; int8 graphs on the slots engine and fp16 graphs take 2 bytes instead of 4.
    /// </summary>
    [Range(1, 1024)]
    public int MaxSlots { get; init; } = 32;

    /// <summary>
    /// Maximum tokens of prompt and completion together; 0 means the model's context. Default 0, range 0 to 1,048,576. Loading a model
    /// fails with 1, with a number above the context, and above 131,072 on the slots engine on the processor.
    /// </summary>
    [Range(0, 1 << 20)]
    public int MaxTokens { get; init; }

    /// <summary>Compute threads of one engine; 0 means one per processor. Default 0, range 0 to 1,024.</summary>
    [Range(0, 1024)]
    public int Threads { get; init; }

    /// <summary>Maximum size of one model's key-value cache, MiB. Default 8,192, range 1 to 1,048,576.</summary>
    [Range(1, 1 << 20)]
    public int MaxCacheMegabytes { get; init; } = 8192;

    /// <summary>Maximum number of sequences that wait for a slot. Default 4,096, range 1 to 1,048,576.</summary>
    [Range(1, 1 << 20)]
    public int MaxQueue { get; init; } = 4096;

    /// <summary>
    /// Maximum prompt tokens, padding included, of one prefill. It bounds how long a prefill delays running sequences. Default 1,024, range
    /// 1 to 1,048,576. The engine reads a longer prompt in chunks of this size, but never in a chunk of one token.
    /// </summary>
    [Range(1, 1 << 20)]
    public int MaxPrefillTokens { get; init; } = 1024;

    /// <summary>Which clients may reuse each other's cached prompt prefixes. Default client.</summary>
    [EnumDataType(typeof(PrefixSharing))]
    public PrefixSharing SharePrefixes { get; init; } = PrefixSharing.Client;

    /// <summary>Maximum padded tokens of one scoring batch; a longer sequence runs alone. Default 2,048, range 1 to 1,048,576.</summary>
    [Range(1, 1 << 20)]
    public int MaxScoringTokens { get; init; } = 2048;

    /// <summary>Maximum size of full logits in scoring, MiB; a divergence takes twice that. Default 64, range 1 to 65,536.</summary>
    [Range(1, 1 << 16)]
    public int MaxScoringMegabytes { get; init; } = 64;

    /// <summary>Maximum stated size of one model (graph weights, key-value cache, logits), MiB. Default 0: free memory at load. Range 0 to 16,777,216.</summary>
    [Range(0, 1 << 24)]
    public int MaxModelMegabytes { get; init; }

    /// <summary>Seconds that running calls have to finish when their model is replaced or unloaded. Default 30, range 0 to 3,600.</summary>
    [Range(0, 3600)]
    public int DrainSeconds { get; init; } = 30;

    /// <summary>Maximum prompts of one request. Default 1,024.</summary>
    [Range(1, 1 << 16)]
    public int MaxPrompts { get; init; } = 1024;

    /// <summary>Maximum completions of one prompt. Default 64.</summary>
    [Range(1, 4096)]
    public int MaxSamples { get; init; } = 64;

    /// <summary>Maximum completions of one request, prompts × samples. Default 2,048.</summary>
    [Range(1, 1 << 16)]
    public int MaxSequences { get; init; } = 2048;

    /// <summary>Maximum stop strings of one request, and maximum stop ids. Default 16.</summary>
    [Range(0, 256)]
    public int MaxStops { get; init; } = 16;

    /// <summary>Maximum length of one stop string, UTF-16 units. Default 128.</summary>
    [Range(1, 4096)]
    public int MaxStopLength { get; init; } = 128;

    /// <summary>Maximum texts or sequences of one request that classifies, scores, encodes or decodes. Default 1,024.</summary>
    [Range(1, 1 << 16)]
    public int MaxInputs { get; init; } = 1024;

    /// <summary>Maximum length of one text, UTF-16 units. Default 65,536.</summary>
    [Range(1, 1 << 24)]
    public int MaxTextLength { get; init; } = 65_536;

    /// <summary>
    /// Maximum bytes of one request's most probable tokens in memory, 8 bytes each. Default 67,108,864, range 1,024 to 1,073,741,824. It
    /// does not limit the reply, which takes more bytes for each token.
    /// </summary>
    [Range(1 << 10, 1 << 30)]
    public int MaxRankedBytes { get; init; } = 64 << 20;

    // Tests of small models set it in bytes.
    internal long MaxCacheBytes { get => field > 0 ? field : Bytes(MaxCacheMegabytes); init; }

    internal long MaxScoringBytes => Bytes(MaxScoringMegabytes);

    internal long MaxModelBytes => Bytes(MaxModelMegabytes);

    /// <summary>Checks the ranges.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    internal void Check()
    {
        List<ValidationResult> faults = [];
        if (!Validator.TryValidateObject(this, new ValidationContext(this), faults, validateAllProperties: true))
        {
            var messages = faults.Select(fault => $"{fault.MemberNames.First()} is {Value(fault.MemberNames.First())}: {fault.ErrorMessage}");
            throw new ArgumentOutOfRangeException(faults[0].MemberNames.First(), string.Join(' ', messages));
        }
    }

    private object? Value(string property) => GetType().GetProperty(property)?.GetValue(this);

    private static long Bytes(int mebibytes) => (long)mebibytes << 20;
}
