using Rudder.Client.Reports;

namespace Rudder.Client.Tests.Reports;

/// <summary>Values counted in bins.</summary>
public sealed class HistogramTests
{
    [Fact]
    public void Of_TwoGroups_CountsSharesInTheSameBins()
    {
        var counted = Histogram.Of(0.1, [("a", [0.05, 0.1, 0.3, 0.39]), ("b", [0.0])]);
        Assert.Equal(4, counted.Bins);
        Assert.Equal([0.25, 0.25, 0, 0.5], counted.Groups[0].Shares); // 0.3 / 0.1 is 2.9999999999999996
        Assert.Equal([1, 0, 0, 0], counted.Groups[1].Shares);
        Assert.Equal(0.3, counted.From(3), 12);
    }

    [Fact]
    public void Of_NegativeValues_BeginsBelowZero()
    {
        var counted = Histogram.Of(1, [("a", [-1.5, 0.5])]);
        Assert.Equal(-2, counted.Low);
        Assert.Equal([0.5, 0, 0.5], counted.Groups[0].Shares);
    }

    [Fact]
    public void Of_ValuesFarApart_WidensTheBins()
    {
        var counted = Histogram.Of(1, [("a", [0, 1e6])]);
        Assert.InRange(counted.Bins, 30, 40);
        Assert.Equal(0.5, counted.Groups[0].Shares[^1]);
    }
}
