using Rudder.Client.Reports;

namespace Rudder.Client.Tests.Reports;

/// <summary>Round axes around any values.</summary>
public sealed class LinearAxisTests
{
    [Theory]
    [InlineData(0, 23.4, 0, 25, 5)]
    [InlineData(0.412, 0.873, 0.4, 0.9, 0.1)]
    [InlineData(0, 0.55, 0, 0.6, 0.1)]
    [InlineData(-3, 3, -3, 3, 1)]
    public void Around_Values_HasRoundEndsAndStep(double least, double most, double low, double high, double step)
    {
        var axis = LinearAxis.Around([least, most], 0, 100);
        Assert.Equal(low, axis.Low, 9);
        Assert.Equal(high, axis.High, 9);
        Assert.Equal(step, axis.Step, 9);
        Assert.InRange(axis.Place(least), -1e-9, 100);
        Assert.InRange(axis.Place(most), 0, 100 + 1e-9);
    }

    [Fact]
    public void Around_OneValue_IsStillAnAxis() =>
        Assert.True(LinearAxis.Around([0.5, 0.5], 0, 100) is { Step: > 0 } axis && axis.High > axis.Low);
}
