using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Export;

/// <summary>The measures of distance on numbers worked out by hand.</summary>
public sealed class LogitComparisonTests
{
    [Fact]
    public void Add_TwoTokens_MatchesHandComputedFigures()
    {
        var comparison = new LogitComparison();
        comparison.Add([MathF.Log(3), 0], [0, 0], token: 1);         // p = (3/4, 1/4) against (1/2, 1/2)
        Assert.Equal(Math.Log(2), comparison.MaxLogProbDifference, 1e-6);       // log ½ − log ¼
        Assert.Equal(Math.Log(2), comparison.MeanTokenDifference, 1e-6);
        Assert.Equal((0.75 * Math.Log(1.5)) + (0.25 * Math.Log(0.5)), comparison.MeanKl, 1e-6);
        Assert.Equal(Math.Log(3), comparison.LargestLogit, 1e-6);
    }

    [Fact]
    public void Add_ShiftedLogits_AreTheSameDistribution()
    {
        var comparison = new LogitComparison();
        comparison.Add([1, 2, 3], [101, 102, 103], token: null);
        Assert.Equal(0, comparison.MaxLogProbDifference, 1e-5);
    }

    [Fact]
    public void Add_NotANumber_CountsAsInfinitelyFar()
    {
        var comparison = new LogitComparison();
        comparison.Add([1, 2], [1, float.NaN], token: 0);
        Assert.Equal(double.PositiveInfinity, comparison.MaxLogProbDifference);
        Assert.Equal(double.PositiveInfinity, comparison.MeanKl);
    }
}
