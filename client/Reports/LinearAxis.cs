namespace Rudder.Client.Reports;

/// <summary>A linear axis with round ticks.</summary>
/// <param name="Low">Value at <paramref name="From"/>.</param>
/// <param name="High">Value at <paramref name="To"/>.</param>
/// <param name="Step">Distance of two ticks.</param>
/// <param name="From">Pixel of the low end.</param>
/// <param name="To">Pixel of the high end.</param>
internal sealed record LinearAxis(double Low, double High, double Step, double From, double To)
{
    private const int WantedTicks = 6;

    /// <summary>Values that are marked.</summary>
    public IEnumerable<double> Ticks => Enumerable.Range(0, (int)Math.Round((High - Low) / Step) + 1).Select(i => Low + (i * Step));

    /// <summary>The smallest axis with round ends that holds all values.</summary>
    public static LinearAxis Around(IReadOnlyCollection<double> values, double from, double to)
    {
        double span = Math.Max(values.Max() - values.Min(), 1e-6);
        double rough = span / WantedTicks;
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = ((double[])[1, 2, 5, 10]).First(factor => factor * power >= rough * (1 - 1e-9)) * power;
        double low = Math.Floor((values.Min() / step) + 1e-9) * step;
        double high = Math.Ceiling((values.Max() / step) - 1e-9) * step;
        return new LinearAxis(low, Math.Max(high, low + step), step, from, to);
    }

    /// <summary>Pixel of a value.</summary>
    public double Place(double value) => From + ((value - Low) / (High - Low) * (To - From));
}
