using Rudder.Client.Evaluation;

namespace Rudder.Client.Tests.Evaluation;

/// <summary>Intervals against values known by hand.</summary>
public sealed class BootstrapTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 5)]
    [InlineData(0.5, 3)]
    [InlineData(0.25, 2)]
    [InlineData(0.1, 1.4)]
    public void Quantile_OneToFive_InterpolatesLinearly(double share, double expected) =>
        Assert.Equal(expected, Bootstrap.Quantile([1, 2, 3, 4, 5], share), 12);

    [Fact]
    public void Ratio_ConstantData_HasNoWidth() =>
        Assert.Equal(new Interval(2.5, 2.5, 2.5), Bootstrap.Ratio([.. Enumerable.Repeat((5.0, 2.0), 40)], 500, 0));

    [Fact]
    public void Ratio_TwoClustersZeroAndOne_SpansBothExtremes() =>
        Assert.Equal(new Interval(0.5, 0, 1), Bootstrap.Ratio([(0, 1), (1, 1)], 2000, 0)); // 0 and 1 have probability 1/4 each, far above 2.5 %

    [Fact]
    public void Ratio_UnequalClusters_IsTheRatioOfSums() =>
        Assert.Equal((1.0 + 9.0) / (1 + 4), Bootstrap.Ratio([(1, 1), (9, 4)], 100, 0).Mean, 12);

    [Fact]
    public void Ratio_SameSeed_SameInterval()
    {
        List<(double, double)> data = [.. Enumerable.Range(0, 50).Select(i => ((i * 37 % 11) / 10.0, 1.0))];
        Assert.Equal(Bootstrap.Ratio(data, 2000, 3), Bootstrap.Ratio(data, 2000, 3));
        Assert.NotEqual(Bootstrap.Ratio(data, 2000, 3), Bootstrap.Ratio(data, 2000, 4));
    }

    [Fact]
    public void Ratio_FairCoins_MatchesTheNormalInterval()
    {
        // 400 clusters, half of them 1: standard error 0.5/20 = 0.025, so the interval is 0.5 -+ 1.96 * 0.025 = 0.451..0.549.
        // Tolerance 0.005: the quantiles of 20,000 resamples and the grid of 1/400 both move the ends by about 0.001 to 0.003.
        Interval interval = Bootstrap.Ratio([.. Enumerable.Range(0, 400).Select(i => ((double)(i % 2), 1.0))], 20_000, 1);
        Assert.InRange(interval.Low, 0.446, 0.456);
        Assert.InRange(interval.High, 0.544, 0.554);
    }

    [Fact]
    public void Ratio_RepeatedSamplesWithinPrompts_AreNotMistakenForMoreData()
    {
        // 100 prompts with 9 identical samples each hold the information of 100 samples; taken one by one the interval would be 3 times too narrow.
        // Tolerance: a ratio of widths from 5,000 resamples each varies by a few per cent.
        double Width(Interval i) => i.High - i.Low;
        List<(double, double)> clustered = [.. Enumerable.Range(0, 100).Select(i => (9.0 * (i % 2), 9.0))];
        List<(double, double)> single = [.. Enumerable.Range(0, 900).Select(i => ((double)(i / 9 % 2), 1.0))];
        Assert.InRange(Width(Bootstrap.Ratio(clustered, 5000, 0)) / Width(Bootstrap.Ratio(single, 5000, 0)), 2.7, 3.3);
    }

    [Fact]
    public void Ratio_NoClusters_IsRefused() => Assert.Throws<BadInputException>(() => Bootstrap.Ratio([], 100, 0));
}
