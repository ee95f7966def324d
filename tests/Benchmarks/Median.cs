namespace Rudder.Benchmarks;

/// <summary>The middle of repeated measurements: a neighbour's burst of load moves it little.</summary>
internal static class Median
{
    /// <summary>The median; the mean of the two middle values where their number is even.</summary>
    public static double Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
