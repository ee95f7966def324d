using System.Globalization;

namespace Rudder.Client.Evaluation;

/// <summary>A mean and its 95 % interval.</summary>
/// <param name="Mean">The statistic on the data as they are.</param>
/// <param name="Low">2.5 % quantile over the resamples.</param>
/// <param name="High">97.5 % quantile over the resamples.</param>
internal readonly record struct Interval(double Mean, double Low, double High)
{
    /// <summary>A mean with the ends of its interval, e.g. 0.512 [0.498, 0.527].</summary>
    public static string Text(double mean, double[] ends, string format)
    {
        string Number(double value) => value.ToString(format, CultureInfo.InvariantCulture);
        return $"{Number(mean)} [{Number(ends[0])}, {Number(ends[1])}]";
    }
}

/// <summary>
/// Percentile bootstrap clustered by prompt: whole prompts are drawn with replacement, because the completions of one
/// prompt resemble each other and counting them as independent would make the interval too narrow.
/// </summary>
internal static class Bootstrap
{
    /// <summary>Interval of Σ numerators / Σ denominators.</summary>
    /// <param name="clusters">Per prompt: sum of the quantity, and what it is divided by (samples, or tokens). At least one.</param>
    /// <param name="resamples">Draws of the whole set. Range 100 to 1,000,000.</param>
    /// <param name="seed">Same seed, same interval.</param>
    public static Interval Ratio(IReadOnlyList<(double Numerator, double Denominator)> clusters, int resamples, int seed)
    {
        if (clusters.Count == 0)
        {
            throw new BadInputException("There is nothing to average: no prompt was evaluated.");
        }

        Random random = new(seed);
        double[] statistics = new double[resamples];
        for (int b = 0; b < resamples; b++)
        {
            (double top, double bottom) = (0, 0);
            for (int i = 0; i < clusters.Count; i++)
            {
                (double numerator, double denominator) = clusters[random.Next(clusters.Count)];
                top += numerator;
                bottom += denominator;
            }

            statistics[b] = top / bottom;
        }

        Array.Sort(statistics);
        double mean = clusters.Sum(c => c.Numerator) / clusters.Sum(c => c.Denominator);
        return new Interval(mean, Quantile(statistics, 0.025), Quantile(statistics, 0.975));
    }

    /// <summary>Quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7).</summary>
    public static double Quantile(IReadOnlyList<double> sorted, double share)
    {
        double place = share * (sorted.Count - 1);
        int below = (int)place;
        int above = Math.Min(below + 1, sorted.Count - 1);
        return sorted[below] + ((place - below) * (sorted[above] - sorted[below]));
    }
}
