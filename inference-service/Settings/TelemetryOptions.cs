using System.ComponentModel.DataAnnotations;

namespace Rudder.InferenceService.Settings;

/// <summary>Export of metrics and traces, besides <c>/metrics</c>; section <c>Service:Telemetry</c>. See also docs/telemetry.md.</summary>
internal sealed class TelemetryOptions : IChecked
{
    /// <summary>
    /// URL of an OTLP collector, such as <c>http://127.0.0.1:4317</c>; httpprotobuf appends v1/metrics and v1/traces.
    /// Default: OTEL_EXPORTER_OTLP_ENDPOINT. If both are unset, nothing is sent.
    /// </summary>
    public string OtlpEndpoint { get; init; } = "";

    /// <summary>Protocol: grpc or httpprotobuf. Default: OTEL_EXPORTER_OTLP_PROTOCOL, or else grpc.</summary>
    [EnumDataType(typeof(OtlpProtocol))]
    public OtlpProtocol? OtlpProtocol { get; init; }

    /// <summary>Seconds between metric exports. Traces wait at most that long, and never more than 5 seconds. Default 15.</summary>
    [Range(1, 3600)]
    public int ExportSeconds { get; init; } = 15;

    /// <summary>Percentage of traces to record, unless the caller's traceparent decides. Default 100.</summary>
    [Range(0, 100)]
    public int TracePercent { get; init; } = 100;

    /// <summary>Whether a text is a valid collector URL.</summary>
    /// <param name="url">The text.</param>
    public static bool IsCollector(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps) && uri is { Query: "", Fragment: "" };

    /// <inheritdoc/>
    public IEnumerable<string> Conflicts()
    {
        if (OtlpEndpoint.Length > 0 && !IsCollector(OtlpEndpoint))
        {
            // Omits the value, which may contain a password.
            yield return "Service:Telemetry:OtlpEndpoint is not a URL such as http://127.0.0.1:4317. Correct it, or leave it out to send nothing.";
        }
    }
}

/// <summary>Transport of OTLP.</summary>
internal enum OtlpProtocol
{
    /// <summary>gRPC over HTTP/2.</summary>
    Grpc,

    /// <summary>Protobuf over HTTP/1.1.</summary>
    HttpProtobuf,
}
