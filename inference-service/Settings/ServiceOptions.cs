using System.ComponentModel.DataAnnotations;
using Rudder.Engine;

namespace Rudder.InferenceService.Settings;

/// <summary>The service's settings, section <c>Service</c> of appsettings.json; flags and environment override single keys.</summary>
/// <remarks>Read and checked once, at start, by <see cref="SettingsReader"/>. docs/service.md repeats this table for readers.</remarks>
internal sealed class ServiceOptions : IChecked
{
    /// <summary>Folders that Models.Load may read from, relative to the current folder. Default (none given): models, runs.</summary>
    [Length(0, 16)]
    public string[] ModelRoots { get; init; } = [];

    /// <summary>Models loaded at start; the service reports SERVING when all are warm. Their folders need not lie in the model roots. Default: none.</summary>
    [Length(0, 64)]
    public ModelOptions[] Models { get; init; } = [];

    /// <summary>Sequences decoded together. Memory grows with it: MaxSlots × MaxTokens × layers × 2 × width × 4 bytes, or 2 for int8 graphs on the slots engine and for fp16. GenAI decodes at most 32 together, whatever is set. Default 32.</summary>
    [Range(1, 1024)]
    public int MaxSlots { get; init; } = 32;

    /// <summary>Tokens a slot holds, prompt and completion together; 0: the model's whole context. A context shorter than this limits the slot. 1 is refused: a prompt and a drawn token need 2. Default 0.</summary>
    [Range(0, 1 << 20)]
    public int MaxTokens { get; init; }

    /// <summary>Sequences waiting for a slot at most, per model, and as many that wait to be scored or are; a call that would exceed it gets RESOURCE_EXHAUSTED. Default 4096.</summary>
    [Range(1, 1 << 20)]
    public int MaxQueue { get; init; } = 4096;

    /// <summary>Sample and scoring calls of one client at once, where its key sets no limit of its own; more get RESOURCE_EXHAUSTED. 0: no limit. Default 0.</summary>
    [Range(0, 1 << 20)]
    public int MaxCallsPerClient { get; init; }

    /// <summary>Tokens of one client a minute, prompts and tokens asked for, where its key sets no limit of its own; more get RESOURCE_EXHAUSTED. 0: no limit. Default 0.</summary>
    [Range(0, 1 << 30)]
    public int MaxTokensPerMinutePerClient { get; init; }

    /// <summary>Events of one stream that may wait for a slow reader, then the call gets RESOURCE_EXHAUSTED. A step brings at once a token, and at its end a completion, for each of the call's running sequences: leave room for several steps. Default 4096.</summary>
    [Range(16, 1 << 20)]
    public int MaxStreamBuffer { get; init; } = 4096;

    /// <summary>Where models compute: cpu or cuda (docs/gpu.md). Default cpu.</summary>
    [EnumDataType(typeof(GraphDevice))]
    public GraphDevice Device { get; init; } = GraphDevice.Cpu;

    /// <summary>Library of ONNX Runtime's CUDA provider, relative to the current folder, for a build that has none inside; needs Device cuda. Default: none.</summary>
    public string CudaProviderLibrary { get; init; } = "";

    /// <summary>Threads of one model's matrix products; 0: one per processor. Default 0.</summary>
    [Range(0, 1024)]
    public int Threads { get; init; }

    /// <summary>Largest key-value cache of one model, MiB; a model that would need more is refused. Default 8192.</summary>
    [Range(1, 1 << 20)]
    public int MaxCacheMegabytes { get; init; } = 8192;

    /// <summary>Largest stated size of one model (weights of its graphs, key-value cache, logits), MiB; 0: what the machine has free when it is loaded. A larger one is refused before it is loaded. Default 0.</summary>
    [Range(0, 1 << 24)]
    public int MaxModelMegabytes { get; init; }

    /// <summary>Prompt tokens, padding included, that go through one prefill; running sequences wait no longer than that. Default 1024.</summary>
    [Range(1, 1 << 20)]
    public int MaxPrefillTokens { get; init; } = 1024;

    /// <summary>Whose prompts may begin with the cached beginning of whose: all, client (a client's own) or none. What is shared is answered sooner, which tells that it was known. Default client.</summary>
    [EnumDataType(typeof(PrefixSharing))]
    public PrefixSharing SharePrefixes { get; init; } = PrefixSharing.Client;

    /// <summary>Tokens, padding included, of one scoring batch. Default 2048.</summary>
    [Range(1, 1 << 20)]
    public int MaxScoringTokens { get; init; } = 2048;

    /// <summary>Memory for the full logits that scoring holds at once, MiB; a divergence holds them twice. Default 64.</summary>
    [Range(1, 1 << 16)]
    public int MaxScoringMegabytes { get; init; } = 64;

    /// <summary>Prompts of one Sample call. Default 1024.</summary>
    [Range(1, 1 << 16)]
    public int MaxPrompts { get; init; } = 1024;

    /// <summary>Completions of one prompt. Default 64.</summary>
    [Range(1, 4096)]
    public int MaxSamples { get; init; } = 64;

    /// <summary>Completions of one Sample call, prompts × n; at most MaxQueue. Default 2048.</summary>
    [Range(1, 1 << 16)]
    public int MaxSequences { get; init; } = 2048;

    /// <summary>Stop strings, and stop ids, of one Sample call. Default 16.</summary>
    [Range(0, 256)]
    public int MaxStops { get; init; } = 16;

    /// <summary>UTF-16 units of one stop string. Default 128.</summary>
    [Range(1, 4096)]
    public int MaxStopLength { get; init; } = 128;

    /// <summary>Texts or sequences of one Classify, LogProbs, Divergence, Encode or Decode call. Default 1024.</summary>
    [Range(1, 1 << 16)]
    public int MaxInputs { get; init; } = 1024;

    /// <summary>UTF-16 units of one text. Default 65,536.</summary>
    [Range(1, 1 << 24)]
    public int MaxTextLength { get; init; } = 65_536;

    /// <summary>Bytes of one request; more gets RESOURCE_EXHAUSTED. Default 4 MiB, gRPC's own: a message is taken apart before any check, into some 35 times its bytes where its prompts are empty.</summary>
    [Range(1 << 10, 1 << 30)]
    public int MaxRequestBytes { get; init; } = 4 << 20;

    /// <summary>MiB of request bodies that one client's unfinished calls hold; more get RESOURCE_EXHAUSTED. At least MaxRequestBytes. Default 64.</summary>
    [Range(1, 2047)]
    public int MaxBodyMegabytesPerClient { get; init; } = 64;

    /// <summary>MiB of request bodies that all unfinished calls hold; at least MaxBodyMegabytesPerClient. Default 256.</summary>
    [Range(1, 2047)]
    public int MaxBodyMegabytes { get; init; } = 256;

    /// <summary>Bytes of one reply. Default 64 MiB; a client must allow as much. An eighth of it bounds the top_logprobs of a call.</summary>
    [Range(1 << 10, 1 << 30)]
    public int MaxReplyBytes { get; init; } = 64 << 20;

    /// <summary>Replies of one client that are being sent at once, MiB; a further one gets RESOURCE_EXHAUSTED. At least MaxReplyBytes. Default 256.</summary>
    [Range(1, 2047)]
    public int MaxUnreadMegabytes { get; init; } = 256;

    /// <summary>Seconds that running calls have to finish after Ctrl-C or SIGTERM, and those of a replaced model after its swap. Default 30.</summary>
    [Range(0, 3600)]
    public int DrainSeconds { get; init; } = 30;

    /// <summary>Calls that run at once over one HTTP/2 connection; further ones wait at the client. Default 256.</summary>
    [Range(1, 10_000)]
    public int MaxStreamsPerConnection { get; init; } = 256;

    /// <summary>Open connections of each address that the service listens on; one more takes the place of an idle one. Default 1024.</summary>
    [Range(1, 1 << 20)]
    public int MaxConnections { get; init; } = 1024;

    /// <summary>Those of one caller's address (of IPv6 the 64-bit network). Default 512.</summary>
    [Range(1, 1 << 20)]
    public int MaxConnectionsPerAddress { get; init; } = 512;

    /// <summary>Health.Watch streams open at once, which need no key; one more gets RESOURCE_EXHAUSTED. Default 256.</summary>
    [Range(1, 1 << 20)]
    public int MaxHealthWatches { get; init; } = 256;

    /// <summary>Certificate, key and client roots of the https addresses. Default: none.</summary>
    public TlsOptions Tls { get; init; } = new();

    /// <summary>JSON file of API keys; set, every call but health needs one. Default: none.</summary>
    public string ApiKeysFile { get; init; } = "";

    /// <summary>Allows --urls and --http-urls to name addresses beyond loopback that lack TLS or a check of callers: only inside a trusted network. Default false.</summary>
    public bool AllowRemote { get; init; }

    /// <summary>Where figures and traces go besides <c>/metrics</c>. Default: nowhere.</summary>
    public TelemetryOptions Telemetry { get; init; } = new();

    /// <inheritdoc/>
    public IEnumerable<string> Conflicts()
    {
        foreach (var same in Models.Where(model => model.Name.Length > 0).GroupBy(model => model.Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            yield return $"Service:Models has '{same.Key}' {same.Count()} times; give every model a name of its own.";
        }

        if (ModelRoots.Any(string.IsNullOrWhiteSpace))
        {
            yield return "Service:ModelRoots has an empty entry; give it a folder, or leave it out.";
        }

        if (MaxTokens == 1)
        {
            yield return $"Service:MaxTokens is 1; it takes 0 (the model's context) or 2 to {1 << 20}, room for a prompt and a drawn token.";
        }

        if (MaxSequences > MaxQueue)
        {
            yield return $"Service:MaxSequences is {MaxSequences}, but the queue holds {MaxQueue}. Raise Service:MaxQueue or lower it.";
        }

        foreach (var (smaller, bytes, larger, mebibytes) in new[]
        {
            (nameof(MaxRequestBytes), (long)MaxRequestBytes, nameof(MaxBodyMegabytesPerClient), MaxBodyMegabytesPerClient),
            (nameof(MaxBodyMegabytesPerClient), (long)MaxBodyMegabytesPerClient << 20, nameof(MaxBodyMegabytes), MaxBodyMegabytes),
            (nameof(MaxReplyBytes), (long)MaxReplyBytes, nameof(MaxUnreadMegabytes), MaxUnreadMegabytes),
        })
        {
            if (bytes > (long)mebibytes << 20)
            {
                yield return $"Service:{larger} is {mebibytes} MiB, less than Service:{smaller} ({bytes} bytes). Raise it, or lower Service:{smaller}.";
            }
        }

        if (CudaProviderLibrary.Length > 0 && Device != GraphDevice.Cuda)
        {
            yield return "Service:CudaProviderLibrary is set and Service:Device is cpu; set the device to cuda, or leave the library out.";
        }
    }
}
