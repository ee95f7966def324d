using HdrHistogram;

namespace Rudder.Client.Bench;

/// <summary>A distribution of times in milliseconds, to three significant digits.</summary>
/// <param name="Mean">Mean.</param>
/// <param name="P50">Half of the values are at most this.</param>
/// <param name="P90">90 % of the values are at most this.</param>
/// <param name="P99">99 % of the values are at most this.</param>
/// <param name="Max">Largest value.</param>
internal sealed record LatencySummary(double Mean, double P50, double P90, double P99, double Max)
{
    private const double MicrosecondsPerMillisecond = 1000;

    /// <summary>Sums up a histogram of microseconds.</summary>
    /// <returns>Null for an empty one.</returns>
    public static LatencySummary? Of(HistogramBase histogram)
    {
        double At(double percentile) => histogram.GetValueAtPercentile(percentile) / MicrosecondsPerMillisecond;
        return histogram.TotalCount == 0
            ? null
            : new LatencySummary(histogram.GetMean() / MicrosecondsPerMillisecond, At(50), At(90), At(99), At(100));
    }
}
