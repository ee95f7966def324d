using Rudder.Engine.Sampling;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Sampling;

public class TokenSamplerTests
{
    private const int Draws = 20_000;

    /// <summary>Logits of a peaked distribution with a long tail, as a language model's; fixed.</summary>
    private static float[] Logits(int vocabulary, float spread = 2)
    {
        var random = new Random(vocabulary);
        // Sum of uniforms: near normal.
        return [.. Enumerable.Range(0, vocabulary).Select(_ => spread * (float)(Enumerable.Range(0, 6).Sum(_ => random.NextDouble()) - 3))];
    }

    public static TheoryData<int, float, int, float, float> Settings()
    {
        TheoryData<int, float, int, float, float> rows = [];
        foreach (int vocabulary in (int[])[3, 100, 2100])
        {
            rows.Add(vocabulary, 1, 0, 1, 0);
            rows.Add(vocabulary, 0.6f, 0, 1, 0);
            rows.Add(vocabulary, 1.7f, 0, 1, 0);
            rows.Add(vocabulary, 1, 2, 1, 0);
            rows.Add(vocabulary, 1, 50, 1, 0);
            rows.Add(vocabulary, 1, 700, 1, 0);
            rows.Add(vocabulary, 1, 0, 0.3f, 0);
            rows.Add(vocabulary, 1, 0, 0.9f, 0);
            rows.Add(vocabulary, 1, 0, 1, 0.05f);
            rows.Add(vocabulary, 1, 0, 1, 0.4f);
            rows.Add(vocabulary, 0.8f, 40, 0.9f, 0.02f);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void Draw_ManyDraws_FitsAnalyticalProbabilities(int vocabulary, float temperature, int topK, float topP, float minP)
    {
        float[] logits = Logits(vocabulary);
        var parameters = new SamplingParameters(temperature, topK, topP, minP);
        var sampler = new TokenSampler();
        int[] counts = new int[vocabulary];
        for (uint i = 0; i < Draws; i++)
        {
            counts[sampler.Draw(logits, parameters, CounterRandom.Uniform(17, i, 0)).Id]++;
        }

        double[] expected = ReferenceDistribution.Of(logits, temperature, topK, topP, minP);
        ChiSquare.AssertFits(counts, expected);
    }

    // Inverse transform: uniform numbers on a fine grid must hit every survivor and nothing else.
    [Theory]
    [InlineData(1, 7, 1f, 0f)]
    [InlineData(1, 0, 0.8f, 0f)]
    [InlineData(0.7f, 0, 1f, 0.1f)]
    [InlineData(1.3f, 9, 0.7f, 0.01f)]
    public void Draw_GridOfUniforms_ReachesExactlyTheSurvivors(float temperature, int topK, float topP, float minP)
    {
        float[] logits = Logits(60);
        var sampler = new TokenSampler();
        var drawn = Enumerable.Range(0, 20_000)
            .Select(i => sampler.Draw(logits, new SamplingParameters(temperature, topK, topP, minP), i / 20_000.0).Id).ToHashSet();
        double[] expected = ReferenceDistribution.Of(logits, temperature, topK, topP, minP);
        Assert.Equal(Enumerable.Range(0, 60).Where(i => expected[i] > 0), drawn.Order());
    }

    [Theory]
    [InlineData(1f, 0, 1f, 0f)]
    [InlineData(0f, 0, 1f, 0f)]
    [InlineData(0.5f, 10, 0.9f, 0.01f)]
    public void Draw_AnySetting_ReturnsRawLogProbOfTheToken(float temperature, int topK, float topP, float minP)
    {
        float[] logits = Logits(5000, spread: 4);
        double max = logits.Max();
        double logSum = max + Math.Log(logits.Sum(x => Math.Exp(x - max)));
        var sampler = new TokenSampler();
        for (uint i = 0; i < 200; i++)
        {
            var draw = sampler.Draw(logits, new SamplingParameters(temperature, topK, topP, minP), CounterRandom.Uniform(3, i, 0));
            Assert.Equal(logits[draw.Id] - logSum, draw.LogProb, 5e-6);   // float32 spacing near 10 is 1e-6
        }
    }

    [Theory]
    [InlineData(4, new[] { 1f, 3f, 3f, 2f }, 1)]
    [InlineData(2, new[] { -5f, -5f }, 0)]
    public void Draw_GreedyTie_TakesLowestId(int length, float[] logits, int expected)
    {
        Assert.Equal(length, logits.Length);
        Assert.Equal(expected, new TokenSampler().Draw(logits, SamplingParameters.Greedy, 0.99).Id);
    }

    [Fact]
    public void Draw_GreedyTieAcrossBlocks_TakesLowestId()
    {
        float[] logits = new float[2000];
        logits[700] = logits[1999] = logits[710] = 2;
        Assert.Equal(700, new TokenSampler().Draw(logits, SamplingParameters.Greedy, 0).Id);
    }

    // Equal logits: the cut keeps the lower ids, and exactly as many as asked for.
    [Fact]
    public void Draw_TopKAmongEquals_KeepsLowestIds()
    {
        float[] logits = new float[600];
        var sampler = new TokenSampler();
        var drawn = Enumerable.Range(0, 2000).Select(i => sampler.Draw(logits, new SamplingParameters(TopK: 5), i / 2000.0).Id).Distinct().Order();
        Assert.Equal([0, 1, 2, 3, 4], drawn);
    }

    [Fact]
    public void Draw_TopPAmongEquals_KeepsLowestIdsThatReachIt()
    {
        float[] logits = new float[8];
        var sampler = new TokenSampler();
        var drawn = Enumerable.Range(0, 800).Select(i => sampler.Draw(logits, new SamplingParameters(TopP: 0.5f), i / 800.0).Id).Distinct().Order();
        Assert.Equal([0, 1, 2, 3], drawn);
    }

    [Theory]
    [InlineData(float.NaN, 0)]
    [InlineData(float.NaN, 299)]
    [InlineData(float.PositiveInfinity, 150)]
    public void Draw_InvalidLogit_IsRefusedNamingIt(float bad, int at)
    {
        foreach (var parameters in (SamplingParameters[])[SamplingParameters.Plain, SamplingParameters.Greedy, new(TopK: 3), new(TopP: 0.5f), new(0.3f)])
        {
            float[] logits = Logits(300);
            logits[at] = bad;
            var e = Assert.Throws<InvalidLogitsException>(() => new TokenSampler().Draw(logits, parameters, 0.5));
            Assert.Contains($"logit {at} of 300", e.Message);
        }
    }

    [Fact]
    public void Draw_AllMinusInfinity_IsRefused() =>
        Assert.Throws<InvalidLogitsException>(() => new TokenSampler().Draw([float.NegativeInfinity, float.NegativeInfinity], SamplingParameters.Plain, 0));

    [Fact]
    public void Draw_MinusInfinity_IsNeverDrawn()
    {
        float[] logits = new float[1000];
        Array.Fill(logits, float.NegativeInfinity);
        logits[600] = 0;
        logits[601] = 0;
        var sampler = new TokenSampler();
        foreach (var parameters in (SamplingParameters[])[SamplingParameters.Plain, new(TopK: 10), new(TopP: 0.99f), new(MinP: 0.1f), new(100)])
        {
            Assert.Equal(600, sampler.Draw(logits, parameters, 0).Id);
            Assert.Equal(601, sampler.Draw(logits, parameters, 1 - 1e-15).Id);
        }
    }

    // 256 ids a block: the first and the last hold one id each, of a probability that no float weight tells from 0.
    [Theory]
    [InlineData(-87.5f)]
    [InlineData(-200f)]
    public void Draw_BlockTooLightForAWeight_IsNeverDrawnFrom(float logit)
    {
        float[] logits = new float[768];
        logits.AsSpan(0, 256).Fill(float.NegativeInfinity);
        logits.AsSpan(512).Fill(float.NegativeInfinity);
        logits[5] = logits[700] = logit;
        var sampler = new TokenSampler();
        Assert.InRange(sampler.Draw(logits, SamplingParameters.Plain, 0).Id, 256, 511);
        Assert.InRange(sampler.Draw(logits, SamplingParameters.Plain, Math.BitDecrement(1.0)).Id, 256, 511);
    }

    [Theory]
    [InlineData(1e-38f)]
    [InlineData(1e-4f)]
    public void Draw_TinyTemperature_IsGreedy(float temperature)
    {
        float[] logits = Logits(1000);
        int best = Array.IndexOf(logits, logits.Max());
        Assert.Equal(best, new TokenSampler().Draw(logits, new SamplingParameters(temperature), 0.999).Id);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.0)]
    [InlineData(double.NaN)]
    public void Draw_UniformOutOfRange_IsRefused(double uniform) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new TokenSampler().Draw([0f, 1f], SamplingParameters.Plain, uniform));
}
