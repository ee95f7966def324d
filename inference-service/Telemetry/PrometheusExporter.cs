using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Writes what OpenTelemetry has collected as one Prometheus page. Collecting is the reader's work; one page is made at a time.</summary>
[ExportModes(ExportModes.Pull)]
internal sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    private string? _page;

    /// <summary>Set by the reader this exporter is given to; null until the telemetry is started.</summary>
    public Func<int, bool>? Collect { get; set; }

    /// <summary>Collects everything and writes the page. Not to be called by two at once.</summary>
    /// <param name="limit">Time for collecting.</param>
    /// <returns>The page, or null where nothing could be collected.</returns>
    public string? Page(TimeSpan limit)
    {
        _page = null;
        return Collect?.Invoke((int)limit.TotalMilliseconds) == true ? _page : null;
    }

    /// <inheritdoc/>
    public override ExportResult Export(in Batch<Metric> batch)
    {
        var text = new PrometheusText();
        text.Target(ParentProvider?.GetResource() ?? Resource.Empty);
        foreach (var metric in batch)
        {
            text.Add(metric);
        }

        _page = text.ToString();
        return ExportResult.Success;
    }
}
