using System.ComponentModel.DataAnnotations;

namespace Rudder.InferenceService.Settings;

/// <summary>Where figures and traces go besides <c>/metrics</c>, section <c>Service:Telemetry</c>. docs/telemetry.md repeats this table for readers.</summary>
internal sealed class TelemetryOptions : IChecked
{
    /// <summary>URL of an OTLP collector, such as <c>http://127.0.0.1:4317</c>; with httpprotobuf the paths v1/metrics and v1/traces are added. Default: OTEL_EXPORTER_OTLP_ENDPOINT; unset, nothing is sent.</summary>
    public string OtlpEndpoint { get; init; } = "";

    /// <summary>How the collector is spoken to: grpc or httpprotobuf. Default: OTEL_EXPORTER_OTLP_PROTOCOL, or else grpc.</summary>
    [EnumDataType(typeof(OtlpProtocol))]
    public OtlpProtocol? OtlpProtocol { get; init; }

    /// <summary>Seconds between two exports of the metrics; traces wait no longer than that, and at most 5. Default 15.</summary>
    [Range(1, 3600)]
    public int ExportSeconds { get; init; } = 15;

    /// <summary>Traces that are recorded, of 100, where the caller's traceparent does not decide. Default 100.</summary>
    [Range(0, 100)]
    public int TracePercent { get; init; } = 100;

    /// <summary>Whether a text is a URL that figures can be sent to.</summary>
    /// <param name="url">The text.</param>
    public static bool IsCollector(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps) && uri is { Query: "", Fragment: "" };

    /// <inheritdoc/>
    public IEnumerable<string> Conflicts()
    {
        if (OtlpEndpoint.Length > 0 && !IsCollector(OtlpEndpoint))
        {
            // Without its value, which may hold a password.
            yield return "Service:Telemetry:OtlpEndpoint is not a URL such as http://127.0.0.1:4317. Correct it, or leave it out to send nothing.";
        }
    }
}

/// <summary>How OTLP is carried.</summary>
internal enum OtlpProtocol
{
    /// <summary>gRPC over HTTP/2.</summary>
    Grpc,

    /// <summary>Protobuf over HTTP/1.1.</summary>
    HttpProtobuf,
}
