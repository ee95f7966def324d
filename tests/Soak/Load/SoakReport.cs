using System.Globalization;
using System.Text;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>What a load test measured, as Markdown for docs/soak.md.</summary>
internal static class SoakReport
{
    private const double Mebi = 1 << 20;

    /// <summary>The table of requests: how many of each kind ended how, and how long the good ones took.</summary>
    public static string Requests(Outcomes outcomes)
    {
        var text = new StringBuilder("| Clients | Requests by outcome | p50 ms | p99 ms |\n|---|---|---:|---:|\n");
        foreach (var kind in outcomes.Kinds)
        {
            string counts = string.Join(", ", outcomes.Counts(kind).Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Key} {count.Value:N0}")));
            Row(text, kind.ToString(), counts, outcomes.Latencies(kind));
        }

        Row(text, "first token of a stream", "", outcomes.FirstTokens());
        return text.ToString();
    }

    /// <summary>Memory after warm-up and at the end.</summary>
    public static string Memory(double warm, double end) => string.Create(
        CultureInfo.InvariantCulture, $"resident memory after warm-up {warm / Mebi:N1} MiB, at the end {end / Mebi:N1} MiB ({(end / warm) - 1:+0.0 %;-0.0 %})");

    private static void Row(StringBuilder text, string label, string counts, double[] milliseconds) => text.AppendLine(
        CultureInfo.InvariantCulture,
        $"| {label} | {counts} | {LoadStatistics.Percentile(milliseconds, 0.5):N1} | {LoadStatistics.Percentile(milliseconds, 0.99):N1} |");
}
