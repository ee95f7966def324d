using System.ComponentModel.DataAnnotations;
using Rudder.Engine;

namespace Rudder.InferenceService.Settings;

/// <summary>The service's settings, section <c>Service</c> of appsettings.json; flags and environment override single keys.</summary>
/// <remarks>
/// The engine's settings come from <see cref="EngineOptions"/>. <see cref="SettingsReader"/> reads and checks all of them once, at start.
/// docs/service.md has units, defaults and ranges.
/// </remarks>
internal sealed record ServiceOptions : EngineOptions, IChecked
{
    /// <summary>Folders that Models.Load may read from.</summary>
    [Length(0, 16)]
    public string[] ModelRoots { get; init; } = [];

    /// <summary>Models loaded at start.</summary>
    [Length(0, 64)]
    public ModelOptions[] Models { get; init; } = [];

    /// <summary>Concurrent Sample, SampleStream, Classify, LogProbs and Divergence calls per client, unless its key sets it.</summary>
    [Range(0, 1 << 20)]
    public int MaxCallsPerClient { get; init; }

    /// <summary>Tokens per minute of one client, unless its key sets a limit; 0 means unlimited.</summary>
    [Range(0, 1 << 30)]
    public int MaxTokensPerMinutePerClient { get; init; }

    /// <summary>Events of one SampleStream call that may wait for a slow reader.</summary>
    [Range(16, 1 << 20)]
    public int MaxStreamBuffer { get; init; } = 4096;

    /// <summary>Bytes of one request, compressed and decompressed; 4 MiB is gRPC's own default.</summary>
    [Range(1 << 10, 1 << 30)]
    public int MaxRequestBytes { get; init; } = 4 << 20;

    /// <summary>Request bodies of one client's unfinished calls, MiB, on both faces.</summary>
    [Range(1, 2047)]
    public int MaxBodyMegabytesPerClient { get; init; } = 64;

    /// <summary>Request bodies of all clients' unfinished calls, MiB; at least MaxBodyMegabytesPerClient.</summary>
    [Range(1, 2047)]
    public int MaxBodyMegabytes { get; init; } = 256;

    /// <summary>Bytes of one reply. gRPC clients accept 4 MiB by default.</summary>
    [Range(1 << 10, 1 << 30)]
    public int MaxReplyBytes { get; init; } = 64 << 20;

    /// <summary>Replies of one client that are being sent at once, MiB, on both faces.</summary>
    [Range(1, 2047)]
    public int MaxUnreadMegabytes { get; init; } = 256;

    /// <summary>Concurrent calls of one HTTP/2 connection; more wait at the client.</summary>
    [Range(1, 10_000)]
    public int MaxStreamsPerConnection { get; init; } = 256;

    /// <summary>Open connections of each address of --urls and --http-urls.</summary>
    [Range(1, 1 << 20)]
    public int MaxConnections { get; init; } = 1024;

    /// <summary>Open connections of one caller's address (for IPv6 its 64-bit network).</summary>
    [Range(1, 1 << 20)]
    public int MaxConnectionsPerAddress { get; init; } = 512;

    /// <summary>Open grpc.health.v1.Health/Watch streams, which need no key.</summary>
    [Range(1, 1 << 20)]
    public int MaxHealthWatches { get; init; } = 256;

    /// <summary>Tls:CertificateFile, Tls:KeyFile, Tls:ClientCaFile, Tls:ReloadSeconds.</summary>
    public TlsOptions Tls { get; init; } = new();

    /// <summary>Path of the keys file. If set, every call except health and version needs a key.</summary>
    public string ApiKeysFile { get; init; } = "";

    /// <summary>Allows addresses that other machines can reach without TLS or without caller authentication.</summary>
    public bool AllowRemote { get; init; }

    /// <summary>Export of metrics and traces, besides /metrics.</summary>
    public TelemetryOptions Telemetry { get; init; } = new();

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
