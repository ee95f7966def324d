namespace Rudder.InferenceService.Soak.Load;

public sealed class LoadStatisticsTests
{
    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.99, 99)]
    [InlineData(0.991, 100)]
    [InlineData(1, 100)]
    public void Percentile_OneToHundred_IsTheValueItself(double share, double expected) =>
        Assert.Equal(expected, LoadStatistics.Percentile(Enumerable.Range(1, 100).Select(value => (double)(101 - value)), share));

    [Fact]
    public void Levels_GrowthAfterWarmUp_IsSeenAndWarmUpIsNot()
    {
        long[] samples = [1, 1, 100, 101, 100, 100, 100, 100, 109, 111];

        // Fifths of two samples each: the second begins at 100, the last at 109.
        Assert.Equal((100.0, 109.0), LoadStatistics.Levels(samples));
    }

    [Fact]
    public void ClientMix_TenThousandArrivals_HasItsSharesAndKeepsTheRudeApart()
    {
        var kinds = Enumerable.Range(0, 10_000).CountBy(number => ClientMix.Of(number, ClientMix.Everybody)).ToDictionary();
        var calm = Enumerable.Range(0, 10_000).Select(number => ClientMix.Of(number, ClientMix.WellBehaved)).Distinct();

        Assert.Equal(Enum.GetValues<ClientKind>().Length, kinds.Count);
        Assert.InRange(kinds[ClientKind.Sample], 4_300, 4_900); // 46 of 100, six standard deviations
        Assert.All(calm, kind => Assert.True(kind <= ClientKind.Divergence));
    }
}
