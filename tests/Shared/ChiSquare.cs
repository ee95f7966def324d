namespace Rudder.Tests;

/// <summary>Pearson's chi-square test: compares drawn counts with known probabilities.</summary>
internal static class ChiSquare
{
    // Pooled cells keep the statistic's distribution close to chi-square.
    private const double SmallestExpectation = 8;

    // Upper 1e-4 quantile of the normal distribution. With fixed seeds a passing test keeps passing; a wrong sampler exceeds it by far.
    private const double NormalQuantile = 3.719;

    /// <summary>Fails if the counts do not fit the probabilities, or if an outcome of probability 0 occurred.</summary>
    /// <param name="counts">Number of draws of each outcome.</param>
    /// <param name="probabilities">Probabilities of the outcomes; their sum is 1.</param>
    public static void AssertFits(IReadOnlyList<int> counts, IReadOnlyList<double> probabilities)
    {
        Assert.Equal(1, probabilities.Sum(), 1e-6);
        double draws = counts.Sum();
        double statistic = 0;
        double pooledCount = 0;
        double pooledExpected = 0;
        int cells = 0;
        for (int i = 0; i < counts.Count; i++)
        {
            Assert.False(probabilities[i] == 0 && counts[i] > 0, $"outcome {i} has probability 0 and was drawn {counts[i]} times");
            double expected = probabilities[i] * draws;
            if (expected < SmallestExpectation)
            {
                pooledCount += counts[i];
                pooledExpected += expected;
                continue;
            }

            statistic += Square(counts[i] - expected) / expected;
            cells++;
        }

        if (pooledExpected >= 1)
        {
            statistic += Square(pooledCount - pooledExpected) / pooledExpected;
            cells++;
        }

        if (probabilities.Contains(1))
        {
            return;                                          // only one outcome is possible, and only it was drawn
        }

        Assert.True(cells >= 2, "too few cells for a test");
        double limit = Critical(cells - 1);
        Assert.True(statistic <= limit, $"chi-square {statistic:F1} over {cells - 1} degrees of freedom; limit {limit:F1} at {draws} draws");
    }

    /// <summary>Upper 1e-4 quantile of chi-square, by Wilson and Hilferty's cube approximation.</summary>
    public static double Critical(int degreesOfFreedom)
    {
        double spread = 2.0 / (9 * degreesOfFreedom);
        return degreesOfFreedom * Math.Pow(1 - spread + (NormalQuantile * Math.Sqrt(spread)), 3);
    }

    private static double Square(double value) => value * value;
}
