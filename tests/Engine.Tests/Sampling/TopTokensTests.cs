using Rudder.Engine.Sampling;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Sampling;

public class TopTokensTests
{
    private static float[] Row(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (float)((random.NextDouble() * 12) - 6))];
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 5)]
    [InlineData(16, 5)]
    [InlineData(301, 20)]
    [InlineData(5003, 1)]
    [InlineData(5003, 5)]
    [InlineData(5003, 20)]
    public void Of_RandomRow_IsTheHeadOfTheFullSort(int length, int count)
    {
        float[] logits = Row(length, seed: length + count);

        var top = TopTokens.Of(logits, LogitMath.LogSumExp(logits), count);

        AssertIs(ReferenceRanking.Of(logits, count), top);
    }

    [Fact]
    public void Of_EqualLogits_LowerIdFirst()
    {
        float[] logits = [.. Row(999, seed: 3).Select(logit => MathF.Round(logit))];   // 13 values, each some 80 times

        var top = TopTokens.Of(logits, LogitMath.LogSumExp(logits), 20);

        AssertIs(ReferenceRanking.Of(logits, 20), top);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_SortedRow_IsItsHead(bool ascending)
    {
        float[] logits = [.. Enumerable.Range(0, 100).Select(i => (ascending ? i : -i) / 10f)];

        int[] expected = ascending ? [99, 98, 97] : [0, 1, 2];

        var top = TopTokens.Of(logits, LogitMath.LogSumExp(logits), 3);

        Assert.Equal(expected, top.Select(token => token.Id));
    }

    [Fact]
    public void Of_MoreThanTheRowHas_GivesAll()
    {
        // Probabilities 1/8, 5/8, 2/8.
        var top = TopTokens.Of([0, MathF.Log(5), MathF.Log(2)], Math.Log(8), 9);

        AssertIs([(1, Math.Log(5 / 8.0)), (2, Math.Log(2 / 8.0)), (0, Math.Log(1 / 8.0))], top);
    }

    [Fact]
    public void Of_MinusInfinities_AreLeftOut()
    {
        float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, 40)];
        (logits[3], logits[30]) = (0, 0);

        var top = TopTokens.Of(logits, LogitMath.LogSumExp(logits), 5);

        AssertIs([(3, Math.Log(0.5)), (30, Math.Log(0.5))], top);
    }

    [Theory]
    [InlineData(0f, 0)]
    [InlineData(0.5f, 4)]
    [InlineData(2f, 0)]
    public void Of_WithTheSamplersLogSum_HasTheLogProbsOfItsDrawsToTheBit(float temperature, int topK)
    {
        float[] logits = Row(600, seed: 9);
        var sampler = new TokenSampler();

        var draw = sampler.Draw(logits, new SamplingParameters(temperature, topK), 0.4);
        var all = TopTokens.Of(logits, sampler.LogSum, logits.Length);

        Assert.Equal(draw.LogProb, Assert.Single(all, token => token.Id == draw.Id).LogProb);
        Assert.Equal(1, all.Sum(token => Math.Exp(token.LogProb)), 1e-5);
        Assert.True(temperature > 0 || all[0].Id == draw.Id, "greedy takes the most probable token");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Of_NoneAskedFor_Throws(int count) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => TopTokens.Of([1, 2], 2, count));

    private static void AssertIs((int Id, double LogProb)[] expected, RankedToken[] top)
    {
        Assert.Equal(expected.Select(token => token.Id), top.Select(token => token.Id));
        Assert.All(expected.Zip(top), pair => Assert.Equal(pair.First.LogProb, pair.Second.LogProb, 1e-5));
    }
}
