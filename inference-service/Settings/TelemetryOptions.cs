using System.ComponentModel.DataAnnotations;

namespace Rudder.InferenceService.Settings;

/// <summary>Where figures and traces go besides <c>/metrics</c>, section <c>Service:Telemetry</c>. docs/telemetry.md repeats this table for readers.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>URL of an OTLP collector, such as <c>http://127.0.0.1:4317</c>; with httpprotobuf the paths v1/metrics and v1/traces are added. Default: none, nothing is sent.</summary>
    [RegularExpression("^https?://[^/?#]+[^?#]*$")]
    public string OtlpEndpoint { get; init; } = "";

    /// <summary>How the collector is spoken to: grpc or httpprotobuf. Default grpc.</summary>
    public OtlpProtocol OtlpProtocol { get; init; } = OtlpProtocol.Grpc;

    /// <summary>Seconds between two exports of the metrics; traces wait no longer than that, and at most 5. Default 15.</summary>
    [Range(1, 3600)]
    public int ExportSeconds { get; init; } = 15;

    /// <summary>Traces that are recorded, of 100, where the caller's traceparent does not decide. Default 100.</summary>
    [Range(0, 100)]
    public int TracePercent { get; init; } = 100;
}

/// <summary>How OTLP is carried.</summary>
internal enum OtlpProtocol
{
    /// <summary>gRPC over HTTP/2.</summary>
    Grpc,

    /// <summary>Protobuf over HTTP/1.1.</summary>
    HttpProtobuf,
}
