namespace Rudder.Benchmarks;

/// <summary>The median of repeated measurements. Short bursts of load on the machine hardly change it.</summary>
internal static class Median
{
    /// <summary>Returns the median, or the mean of the two middle values for an even number.</summary>
    public static double Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
