using Rudder.Client.Forecasts;

namespace Rudder.Client.Tests.Forecasts;

/// <summary>Scores of forecasts against numbers computed by hand.</summary>
public sealed class ForecastResultTests
{
    private static readonly Forecast[] Four = [new(0.9, true), new(0.2, false), new(0.6, false), new(0.5, true)];

    [Fact]
    public void Of_FourForecasts_MatchesScoresComputedByHand()
    {
        var result = ForecastResult.Of("f.csv", Four, 10);
        Assert.Equal(4, result.Forecasts);
        Assert.Equal(0.5, result.BaseRate, 12);
        Assert.Equal(0.75, result.Accuracy, 12); // 0.5 counts as a forecast that the event happens
        Assert.Equal(0.4844854948, result.LogLoss, 9); // −(ln 0.9 + ln 0.8 + ln 0.4 + ln 0.5) / 4
        Assert.Equal(0.165, result.Brier, 12); // (0.01 + 0.04 + 0.36 + 0.25) / 4
        Assert.Equal(0, result.LogLossClipped);
    }

    [Theory]
    [InlineData(0.0, true, 36.04365338911715, 1)] // −ln 2⁻⁵² instead of infinity
    [InlineData(1.0, false, 36.04365338911715, 1)]
    [InlineData(1.0, true, 0, 0)] // right: no loss
    [InlineData(1e-300, true, 36.04365338911715, 1)]
    public void Of_ForecastOfCertainty_IsClippedToMachineEpsilonAndCounted(double probability, bool happened, double loss, int clipped)
    {
        var result = ForecastResult.Of("f.csv", [new(probability, happened)], 10);
        Assert.Equal(loss, result.LogLoss, 9);
        Assert.Equal(clipped, result.LogLossClipped);
    }

    [Fact]
    public void Of_Bins_HoldTheirForecastsAndTheWilsonInterval()
    {
        Forecast[] forecasts = [.. Enumerable.Range(0, 10).Select(i => new Forecast(0.7 + (0.001 * i), i < 8)), new(1, true), new(0, false)];
        IReadOnlyList<ReliabilityBin> bins = ForecastResult.Of("f.csv", forecasts, 4).Bins;
        Assert.Equal([(0.0, 0.25, 1), (0.5, 0.75, 10), (0.75, 1.0, 1)], bins.Select(bin => (bin.Low, bin.High, bin.Forecasts)));
        Assert.Equal(0.7045, bins[1].MeanForecast, 12);
        Assert.Equal(0.8, bins[1].Observed, 12);
        Assert.Equal(0.4901625, bins[1].ObservedCi[0], 6); // Wilson interval of 8 in 10
        Assert.Equal(0.9433178, bins[1].ObservedCi[1], 6);
    }

    [Fact]
    public void Of_BinsWithoutForecasts_AreLeftOut() => Assert.Equal(3, ForecastResult.Of("f.csv", Four, 4).Bins.Count);

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    public void Of_BinsOutOfRange_AreRefused(int bins) =>
        Assert.Contains("between 1 and 100", Assert.Throws<BadInputException>(() => ForecastResult.Of("f.csv", Four, bins)).Message, StringComparison.Ordinal);
}
