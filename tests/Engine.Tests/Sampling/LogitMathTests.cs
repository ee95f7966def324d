using Rudder.Engine.Sampling;

namespace Rudder.Engine.Tests.Sampling;

public class LogitMathTests
{
    private static float[] Row(int length, int seed) => [.. Enumerable.Repeat(new Random(seed), length).Select(random => (float)((random.NextDouble() * 12) - 6))];

    private static double LogSum(float[] row) => Math.Log(row.Sum(x => Math.Exp(x)));

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(256)]
    [InlineData(8191)]
    public void LogSumExp_RandomRow_EqualsDoublePrecision(int length) =>
        Assert.Equal(LogSum(Row(length, 1)), LogitMath.LogSumExp(Row(length, 1)), 1e-6);

    [Fact]
    public void LogSumExp_LargeLogits_DoesNotOverflow() =>
        Assert.Equal(1000 + Math.Log(2), LogitMath.LogSumExp([1000f, 1000f, float.NegativeInfinity]), 1e-9);

    [Theory]
    [InlineData(5)]
    [InlineData(300)]
    [InlineData(5001)]
    public void KlDivergence_RandomRows_EqualsDoublePrecision(int length)
    {
        float[] p = Row(length, 2);
        float[] q = Row(length, 3);
        double expected = Enumerable.Range(0, length)
            .Sum(i => Math.Exp(p[i] - LogSum(p)) * (p[i] - LogSum(p) - (q[i] - LogSum(q))));
        Assert.Equal(expected, LogitMath.KlDivergence(p, q, LogitMath.LogSumExp(p), LogitMath.LogSumExp(q)), 1e-5);
    }

    [Fact]
    public void KlDivergence_SameRow_IsZero()
    {
        float[] p = Row(4000, 4);
        double logSum = LogitMath.LogSumExp(p);
        Assert.Equal(0, LogitMath.KlDivergence(p, p, logSum, logSum), 1e-12);
    }

    [Fact]
    public void KlDivergence_TwoCoins_EqualsHandValue()
    {
        // (0.75, 0.25) against (0.5, 0.5): 0.75 ln 1.5 + 0.25 ln 0.5 = 0.1308123
        float[] p = [MathF.Log(3), 0];
        float[] q = [0, 0];
        Assert.Equal(0.1308123, LogitMath.KlDivergence(p, q, LogitMath.LogSumExp(p), LogitMath.LogSumExp(q)), 1e-6);
    }

    [Fact]
    public void LogProb_HandValue_IsLogSoftmax() => Assert.Equal(Math.Log(0.25), LogitMath.LogProb([MathF.Log(3), 0], 1), 1e-6);
}
