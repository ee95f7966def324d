using System.ComponentModel.DataAnnotations;
using OpenTelemetry.Exporter;

namespace Rudder.InferenceService.Settings;

/// <summary>
/// Export of metrics and traces, besides <c>/metrics</c>; section <c>Service:Telemetry</c>. docs/telemetry.md has defaults and ranges.
/// </summary>
/// <remarks>A value that is not set leaves OpenTelemetry's own variable in force.</remarks>
internal sealed class TelemetryOptions : IChecked
{
    /// <summary>URL of an OTLP collector. Unset: OTEL_EXPORTER_OTLP_ENDPOINT, and without both nothing is sent.</summary>
    public string OtlpEndpoint { get; init; } = "";

    /// <summary>Protocol of the collector. Unset: OTEL_EXPORTER_OTLP_PROTOCOL, or else grpc.</summary>
    [EnumDataType(typeof(OtlpExportProtocol))]
    public OtlpExportProtocol? OtlpProtocol { get; init; }

    /// <summary>Seconds between metric exports. Traces wait at most that long, and never more than 5 seconds.</summary>
    [Range(1, 3600)]
    public int? ExportSeconds { get; init; }

    /// <summary>Percentage of traces to record, unless the caller's traceparent decides.</summary>
    [Range(0, 100)]
    public int? TracePercent { get; init; }

    /// <summary>Whether a text is a valid collector URL.</summary>
    public static bool IsCollector(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps) && uri is { Query: "", Fragment: "" };

    public IEnumerable<string> Conflicts()
    {
        if (OtlpEndpoint.Length > 0 && !IsCollector(OtlpEndpoint))
        {
            // Omits the value, which may contain a password.
            yield return "Service:Telemetry:OtlpEndpoint is not a URL such as http://127.0.0.1:4317. Correct it, or leave it out to send nothing.";
        }
    }
}
