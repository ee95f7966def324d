using System.Globalization;
using System.Text.RegularExpressions;

namespace Rudder.InferenceService.Tests.Telemetry;

/// <summary>A page in Prometheus' text format, read strictly: a line that is not of the format fails the test.</summary>
internal sealed partial class PrometheusPage
{
    private readonly Dictionary<string, string> _kinds = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _samples = new(StringComparer.Ordinal);

    /// <summary>Reads a page.</summary>
    public PrometheusPage(string text)
    {
        Assert.EndsWith("\n", text);
        string family = "";
        foreach (string line in text[..^1].Split('\n'))
        {
            if (TypeLine().Match(line) is { Success: true } type)
            {
                family = type.Groups["name"].Value;
                Assert.True(_kinds.TryAdd(family, type.Groups["kind"].Value), $"second TYPE: {line}");
            }
            else if (line.Length > 0 && line != "# EOF" && !HelpLine().IsMatch(line))
            {
                ReadSample(family, line);
            }
        }

        CheckHistograms();
    }

    /// <summary>Samples by name and labels, as they stand on the page.</summary>
    public IReadOnlyDictionary<string, double> Samples => _samples;

    /// <summary>Samples of counters.</summary>
    public IEnumerable<KeyValuePair<string, double>> Counters => _samples.Where(sample => _kinds.GetValueOrDefault(NameOf(sample.Key)) == "counter");

    private void ReadSample(string family, string line)
    {
        var sample = SampleLine().Match(line);
        Assert.True(sample.Success, $"no line of the format: {line}");
        string name = sample.Groups["name"].Value;
        string[] names = _kinds[family] == "histogram" ? [family + "_bucket", family + "_sum", family + "_count"] : [family];
        Assert.Contains(name, names);
        string value = sample.Groups["value"].Value;
        double number = value switch
        {
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            _ => double.Parse(value, NumberStyles.Float, CultureInfo.InvariantCulture),
        };
        Assert.True(_samples.TryAdd(name + sample.Groups["labels"].Value, number), $"second sample: {line}");
    }

    private void CheckHistograms()
    {
        var buckets = _samples.Where(sample => NameOf(sample.Key).EndsWith("_bucket", StringComparison.Ordinal))
            .Select(sample => (Series: Bound().Replace(sample.Key, ""), Le: Bound().Match(sample.Key).Groups["le"].Value, sample.Value))
            .GroupBy(bucket => bucket.Series, StringComparer.Ordinal);
        foreach (var series in buckets)
        {
            double[] bounds = [.. series.Select(bucket => bucket.Le == "+Inf" ? double.PositiveInfinity : double.Parse(bucket.Le, CultureInfo.InvariantCulture))];
            double[] counts = [.. series.Select(bucket => bucket.Value)];
            Assert.Equal(bounds.Order(), bounds);
            Assert.Equal(bounds.Distinct(), bounds);
            Assert.Equal(counts.Order(), counts);
            Assert.Equal(double.PositiveInfinity, bounds[^1]);
            string count = series.Key.Replace("_bucket", "_count", StringComparison.Ordinal);
            Assert.Equal(counts[^1], _samples[count]);
            Assert.Contains(count.Replace("_count", "_sum", StringComparison.Ordinal), _samples.Keys);
        }
    }

    private static string NameOf(string series) => series.Split('{')[0];

    [GeneratedRegex("^# TYPE (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<kind>counter|gauge|histogram)$")]
    private static partial Regex TypeLine();

    [GeneratedRegex(@"^# HELP [a-zA-Z_:][a-zA-Z0-9_:]* ([^\\]|\\\\|\\n)+$")]
    private static partial Regex HelpLine();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?<labels>\{\}|\{[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\\\|\\"|\\n)*"(,[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\\\|\\"|\\n)*")*\})? (?<value>[+-]?(Inf|[0-9.]+([eE][+-]?[0-9]+)?)|NaN)$""")]
    private static partial Regex SampleLine();

    [GeneratedRegex(""",?le="(?<le>[^"]*)"(?=\})""")]
    private static partial Regex Bound();
}
