namespace Rudder.InferenceService.Soak.Load;

/// <summary>Figures of a load test, exact from the recorded values.</summary>
internal static class LoadStatistics
{
    private const int Fifths = 5;

    /// <summary>The smallest value that a share of all values does not exceed; NaN without values.</summary>
    /// <param name="values">Recorded values, in any order.</param>
    /// <param name="share">Above 0, at most 1.</param>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    /// <summary>The level after warm-up and at the end: medians of the second and of the last fifth of the samples.</summary>
    /// <param name="samples">In the order of time, 5 at least.</param>
    public static (double Warm, double End) Levels(IReadOnlyList<long> samples)
    {
        Assert.True(samples.Count >= Fifths, $"{samples.Count} samples; a level takes {Fifths} at least");
        return (Median(1), Median(Fifths - 1));

        double Median(int fifth)
        {
            int start = samples.Count * fifth / Fifths;
            int end = samples.Count * (fifth + 1) / Fifths;
            return Percentile(samples.Skip(start).Take(end - start).Select(value => (double)value), 0.5);
        }
    }
}
