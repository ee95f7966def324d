using System.Globalization;
using System.Text;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Prometheus' text format, version 0.0.4: counters, gauges, histograms; names and labels in its letters.</summary>
internal sealed class PrometheusText
{
    /// <summary>Content type of the format.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>Says who is measured.</summary>
    public void Target(Resource resource)
    {
        Head("target_info", "gauge", "What this page is about.");
        _text.Append("target_info{");
        string separator = "";
        foreach (var (key, value) in resource.Attributes)
        {
            Label(ref separator, key, value);
        }

        _text.Append("} 1\n");
    }

    /// <summary>Adds a metric with all its points. One whose name is taken is left out: a page must not name a metric twice.</summary>
    public void Add(Metric metric)
    {
        string? kind = metric.MetricType switch
        {
            MetricType.LongSum or MetricType.DoubleSum when !PrometheusNames.CanFall(metric.Name) => "counter",
            MetricType.LongSum or MetricType.DoubleSum => "gauge",
            MetricType.LongGauge or MetricType.DoubleGauge or MetricType.LongSumNonMonotonic or MetricType.DoubleSumNonMonotonic => "gauge",
            MetricType.Histogram => "histogram",
            _ => null, // exponential histograms have no form here, and no view asks for them
        };
        string name = PrometheusNames.Metric(metric.Name, metric.Unit, kind == "counter", kind == "gauge");
        if (kind is null || _names.Contains(name))
        {
            return;
        }

        Head(name, kind, metric.Description);
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            if (metric.MetricType == MetricType.Histogram)
            {
                Histogram(name, point);
            }
            else
            {
                Sample(name, point, Value(metric.MetricType, point));
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();

    private static string Value(MetricType type, in MetricPoint point) => type switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong().ToString(CultureInfo.InvariantCulture),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => Number(point.GetSumDouble()),
        MetricType.LongGauge => point.GetGaugeLastValueLong().ToString(CultureInfo.InvariantCulture),
        _ => Number(point.GetGaugeLastValueDouble()),
    };

    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Number(double value) =>
        double.IsNaN(value) ? "NaN"
        : double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : value.ToString("R", CultureInfo.InvariantCulture);

    private void Head(string name, string kind, string description)
    {
        _names.Add(name);
        if (description.Length > 0)
        {
            _text.Append("# HELP ").Append(name).Append(' ').Append(Escape(description)).Append('\n');
        }

        _text.Append("# TYPE ").Append(name).Append(' ').Append(kind).Append('\n');
    }

    private void Histogram(string name, in MetricPoint point)
    {
        // The count is taken from the buckets, so that page and +Inf agree; a histogram without boundaries has none.
        long count = 0;
        bool bucketed = false;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            bucketed = true;
            count += bucket.BucketCount;
            Sample(name + "_bucket", point, count.ToString(CultureInfo.InvariantCulture), Number(bucket.ExplicitBound));
        }

        if (!bucketed)
        {
            count = point.GetHistogramCount();
            Sample(name + "_bucket", point, count.ToString(CultureInfo.InvariantCulture), Number(double.PositiveInfinity));
        }

        Sample(name + "_sum", point, Number(point.GetHistogramSum()));
        Sample(name + "_count", point, count.ToString(CultureInfo.InvariantCulture));
    }

    private void Sample(string name, in MetricPoint point, string value, string? bound = null)
    {
        _text.Append(name);
        if (point.Tags.Count > 0 || bound is not null)
        {
            string separator = "";
            _text.Append('{');
            foreach (var tag in point.Tags)
            {
                Label(ref separator, tag.Key, tag.Value);
            }

            if (bound is not null)
            {
                Label(ref separator, "le", bound);
            }

            _text.Append('}');
        }

        _text.Append(' ').Append(value).Append('\n');
    }

    private void Label(ref string separator, string key, object? value)
    {
        string text = value is bool flag ? (flag ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        _text.Append(separator).Append(PrometheusNames.Label(key)).Append("=\"")
            .Append(Escape(text).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');
        separator = ",";
    }
}
