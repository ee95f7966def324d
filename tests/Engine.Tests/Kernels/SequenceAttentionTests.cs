using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Engine.Tests.Kernels;

public sealed class SequenceAttentionTests
{
    private const double Tolerance = 1e-5;
    private readonly Random _random = new(11);

    // Head sizes: one panel, part of one, two; sequences: part of a panel, one and a part, one token; queries: whole blocks of six and not.
    [Theory]
    [InlineData(2, 64, 130)]
    [InlineData(3, 24, 12)]
    [InlineData(1, 80, 65)]
    [InlineData(12, 5, 7)]
    [InlineData(2, 64, 1)]
    public void Compute_Causal_IsSoftmaxOverWhatIsBefore(int heads, int size, int tokens)
    {
        var sample = new Case(_random, Sequences: 3, tokens, heads, size);
        float[] actual = Run(sample, causal: true, first: false, mask: null);
        for (int sequence = 0; sequence < sample.Sequences; sequence++)
        {
            for (int token = 0; token < tokens; token++)
            {
                AssertToken(sample, sequence, token, seen: token + 1, actual, (sequence * tokens) + token);
            }
        }
    }

    [Theory]
    [InlineData(2, 64, 130)]
    [InlineData(3, 24, 12)]
    [InlineData(1, 80, 65)]
    public void Compute_Masked_IsSoftmaxOverTheSequenceAndZerosAfterIt(int heads, int size, int tokens)
    {
        var sample = new Case(_random, Sequences: 4, tokens, heads, size);
        int[] lengths = [tokens, 1, (tokens / 2) + 1, 0];
        float[] actual = Run(sample, causal: false, first: false, Mask(lengths, tokens));
        for (int sequence = 0; sequence < lengths.Length; sequence++)
        {
            for (int token = 0; token < tokens; token++)
            {
                AssertToken(sample, sequence, token, token < lengths[sequence] ? lengths[sequence] : 0, actual, (sequence * tokens) + token);
            }
        }
    }

    [Fact]
    public void Compute_FirstTokensOnly_AreThoseOfAll()
    {
        var sample = new Case(_random, Sequences: 3, Tokens: 70, Heads: 2, HeadSize: 64);
        int[] mask = Mask([70, 0, 64], 70);
        float[] all = Run(sample, causal: false, first: false, mask);
        float[] actual = Run(sample, causal: false, first: true, mask);
        Assert.Equal(Enumerable.Range(0, 3).SelectMany(sequence => all.AsSpan(sequence * 70 * sample.Width, sample.Width).ToArray()), actual);
    }

    [Fact]
    public void Compute_InAWiderBatch_IsTheSameToTheLastBit()
    {
        const int Length = 37;
        var wide = new Case(_random, Sequences: 2, Tokens: 90, Heads: 3, HeadSize: 64);
        var alone = wide with { Sequences = 1, Tokens = Length };
        float[] batch = Run(wide, causal: false, first: false, Mask([Length, 90], 90));
        Assert.Equal(Run(alone, causal: false, first: false, Mask([Length], Length)), batch[..(Length * wide.Width)]);
    }

    [Fact]
    public void Compute_FactorsAndBias_AreThoseOfTheProductBefore()
    {
        var product = new Case(_random, Sequences: 2, Tokens: 20, Heads: 2, HeadSize: 32);
        int columns = 3 * product.Width;
        float[] factors = Numbers.Random(_random, 40), bias = Numbers.Random(_random, columns);
        var scaled = product with { Qkv = [.. product.Qkv.Select((value, i) => (value * factors[i / columns]) + bias[i % columns])] };
        Assert.Equal(
            Run(scaled, causal: true, first: false, mask: null),
            Run(product, causal: true, first: false, mask: null, (factors, [40]), (bias, [columns])));
    }

    [Fact]
    public void Compute_NaN_StaysInItsSequenceAndHead()
    {
        var sample = new Case(_random, Sequences: 2, Tokens: 9, Heads: 2, HeadSize: 32);
        sample.Qkv[sample.Width + 5] = float.NaN;              // a key of the first sequence's first token and head
        float[] actual = Run(sample, causal: true, first: false, mask: null);
        int half = 9 * sample.Width;
        Assert.All(actual.Index(), number => Assert.Equal(number.Index < half && number.Index % sample.Width < 32, float.IsNaN(number.Item)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Compute_NoSequences_IsEmpty(bool causal)
    {
        NodeInput qkv = (new float[0], causal ? [0, 4, 24] : [0, 24]);
        Assert.Empty(Run(qkv, causal ? null : (new int[0], [0, 4]), heads: 1, causal));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    public void Compute_MaskThatIsNotOnesAndThenZeros_Fails(int first, int second)
    {
        var sample = new Case(_random, Sequences: 1, Tokens: 2, Heads: 1, HeadSize: 8);
        var e = Assert.Throws<OnnxRuntimeException>(() => Run(sample, causal: false, first: false, [first, second]));
        Assert.Contains("the mask of sequence 0 is not ones and then zeros", e.Message);
    }

    [Fact]
    public void Compute_MaskOrHeadsThatDoNotFit_Fail()
    {
        var sample = new Case(_random, Sequences: 2, Tokens: 4, Heads: 1, HeadSize: 8);
        NodeInput qkv = (sample.Qkv, [8, 24]), mask = (new int[6], [2, 3]), fits = (new int[8], [2, 4]);
        Assert.Contains("got 8 rows of 24 numbers for 2 sequences of 3 tokens", Assert.Throws<OnnxRuntimeException>(() => Run(qkv, mask, heads: 1)).Message);
        Assert.Contains("attention of 3 heads", Assert.Throws<OnnxRuntimeException>(() => Run(qkv, fits, heads: 3)).Message);
        Assert.Contains("attention of 0 heads", Assert.Throws<OnnxRuntimeException>(() => Run(qkv, fits, heads: 0)).Message);
        Assert.Contains("has 1 axes; it takes at least 2", Assert.Throws<OnnxRuntimeException>(() => Run((sample.Qkv, [192]), null, heads: 1)).Message);
    }

    private static int[] Mask(int[] lengths, int tokens) => [.. lengths.SelectMany(length => Enumerable.Range(0, tokens).Select(token => token < length ? 1 : 0))];

    /// <param name="seen">Keys that the token looks at; 0: its numbers are zeros.</param>
    private static void AssertToken(Case sample, int sequence, int token, int seen, float[] actual, int row)
    {
        double[] expected = new double[sample.Width];
        for (int head = 0; head < sample.Heads && seen > 0; head++)
        {
            int offset = head * sample.HeadSize;
            double Part(int t, int part, int i) => sample.Qkv[((((sequence * sample.Tokens) + t) * 3 + part) * sample.Width) + offset + i];
            double[] weights = [.. Enumerable.Range(0, seen).Select(t =>
                Math.Exp(Enumerable.Range(0, sample.HeadSize).Sum(i => Part(token, 0, i) * Part(t, 1, i)) / Math.Sqrt(sample.HeadSize)))];
            double sum = weights.Sum();
            for (int i = 0; i < sample.HeadSize; i++)
            {
                expected[offset + i] = weights.Select((weight, t) => weight * Part(t, 2, i)).Sum() / sum;
            }
        }

        Numbers.AssertClose(expected, actual[(row * sample.Width)..((row + 1) * sample.Width)], Tolerance);
    }

    private static float[] Run(Case sample, bool causal, bool first, int[]? mask, NodeInput? factors = null, NodeInput? bias = null)
    {
        long columns = 3 * sample.Width;
        float[] values = sample.Qkv[..(sample.Sequences * sample.Tokens * 3 * sample.Width)];
        NodeInput qkv = mask is null
            ? (values, [sample.Sequences, sample.Tokens, columns])
            : (values, [sample.Sequences * sample.Tokens, columns]);
        return Run(qkv, mask is null ? null : (mask, [sample.Sequences, sample.Tokens]), sample.Heads, causal, first, factors, bias);
    }

    private static float[] Run(
        NodeInput qkv, NodeInput? mask, int heads, bool causal = false, bool first = false, NodeInput? factors = null, NodeInput? bias = null) =>
        NodeRun.Run(
            GraphFusion.RowOperators,
            OperatorDomain.Name,
            SequenceAttention.Operator.Name,
            [qkv, mask, factors, bias],
            [DataType.Float],
            GraphNodes.Attribute("heads", heads),
            GraphNodes.Attribute("causal", causal ? 1 : 0),
            GraphNodes.Attribute(SequenceAttention.First, first ? 1 : 0),
            GraphNodes.Attribute("threads", 2))[0].Values;

    /// <summary>Random queries, keys and values, [B,T,3W].</summary>
    private sealed record Case(float[] Qkv, int Sequences, int Tokens, int Heads, int HeadSize)
    {
        public Case(Random random, int Sequences, int Tokens, int Heads, int HeadSize)
            : this(Numbers.Random(random, Sequences * Tokens * 3 * Heads * HeadSize, 2), Sequences, Tokens, Heads, HeadSize)
        {
        }

        public int Width => Heads * HeadSize;
    }
}
