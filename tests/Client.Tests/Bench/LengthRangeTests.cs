using Rudder.Client.Bench;
using Rudder.Tests;

namespace Rudder.Client.Tests.Bench;

public sealed class LengthRangeTests
{
    [Theory]
    [InlineData("64", 64, 64)]
    [InlineData("16-128", 16, 128)]
    [InlineData("1-1048576", 1, 1048576)]
    public void TryParse_LengthOrRange_ReadsBothEnds(string text, int min, int max)
    {
        Assert.True(LengthRange.TryParse(text, out LengthRange range));
        Assert.Equal(new LengthRange(min, max), range);
        Assert.Equal(text, range.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0-4")]
    [InlineData("9-3")]
    [InlineData("-3")]
    [InlineData("3-")]
    [InlineData("1-2-3")]
    [InlineData("1.5")]
    [InlineData("1048577")]
    public void TryParse_AnythingElse_Refuses(string text) => Assert.False(LengthRange.TryParse(text, out _));

    [Fact]
    public void Draw_Range_IsUniformAndIncludesBothEnds()
    {
        Random random = new(1);
        int[] counts = new int[6];
        for (int i = 0; i < 6000; i++)
        {
            counts[new LengthRange(3, 8).Draw(random) - 3]++;
        }

        ChiSquare.AssertFits(counts, [.. Enumerable.Repeat(1 / 6.0, 6)]);
    }

    [Fact]
    public void Draw_Fixed_IsAlwaysThatLength() =>
        Assert.All(Enumerable.Range(0, 50), seed => Assert.Equal(7, new LengthRange(7, 7).Draw(new Random(seed))));
}
