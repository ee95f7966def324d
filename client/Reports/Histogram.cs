namespace Rudder.Client.Reports;

/// <summary>Several groups of values, counted in the same bins of equal width.</summary>
/// <param name="Low">Where the first bin begins: 0, or below 0 where values are negative.</param>
/// <param name="Width">Width of a bin.</param>
/// <param name="Groups">Name of each group, and the share of its values in each bin.</param>
internal sealed record Histogram(double Low, double Width, IReadOnlyList<(string Name, double[] Shares)> Groups)
{
    private const int MaxBins = 40;
    private const double Rounding = 1e-9; // 0.15 / 0.05 is a little below 3

    /// <summary>Number of bins.</summary>
    public int Bins => Groups[0].Shares.Length;

    /// <summary>Counts the values.</summary>
    /// <param name="width">Width of a bin; wider where values would need more than 40 bins.</param>
    /// <param name="groups">At least one group; each has values.</param>
    public static Histogram Of(double width, IReadOnlyList<(string Name, IReadOnlyList<double> Values)> groups)
    {
        double least = Math.Min(0, groups.Min(group => group.Values.Min()));
        double most = groups.Max(group => group.Values.Max());
        double wide = Math.Max(width, (most - least) / (MaxBins - 2));
        double low = Math.Floor(least / wide) * wide;
        int Bin(double value) => (int)(((value - low) / wide) + Rounding);
        int bins = Math.Clamp(Bin(most) + 1, 1, MaxBins);
        return new Histogram(low, wide, [.. groups.Select(group => (group.Name, Shares(group.Values)))]);

        double[] Shares(IReadOnlyList<double> values)
        {
            double[] shares = new double[bins];
            foreach (double value in values)
            {
                shares[Math.Clamp(Bin(value), 0, bins - 1)] += 1.0 / values.Count;
            }

            return shares;
        }
    }

    /// <summary>The least value of a bin.</summary>
    public double From(int bin) => Low + (bin * Width);
}
