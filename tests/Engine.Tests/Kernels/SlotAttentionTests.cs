using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Engine.Tests.Kernels;

public sealed class SlotAttentionTests
{
    private const int Slots = 5, MaxTokens = 40;
    private readonly Random _random = new(7);

    // Head sizes: whole pairs of vectors, one vector and a part, less than one; kept in 32 and in 16 bits.
    [Theory]
    [InlineData(2, 64, "fp32", 1e-5)]
    [InlineData(3, 24, "fp32", 1e-5)]
    [InlineData(12, 5, "fp32", 1e-5)]
    [InlineData(2, 64, "int8", 0.02)]
    [InlineData(3, 24, "int8", 0.02)]
    public void Compute_PromptsThenSteps_IsCausalSoftmaxAttention(int heads, int size, string precision, double tolerance)
    {
        int width = heads * size;
        using var cache = Cache(heads, size, precision);
        float[][] sequences = [.. Enumerable.Range(0, Slots).Select(_ => Numbers.Random(_random, MaxTokens * 3 * width))];   // [T,3W] each
        int[] lengths = [3, 1, 30, 7, 12];

        // A prompt each into slots 1 to 4, then two single tokens in all slots.
        AssertRun(cache, sequences, 1, [0, 0, 0, 0], lengths[1..], tolerance);
        AssertRun(cache, sequences, 0, [0], lengths[..1], tolerance);
        AssertRun(cache, sequences, 0, lengths, [1, 1, 1, 1, 1], tolerance);
        AssertRun(cache, sequences, 0, [.. lengths.Select(length => length + 1)], [1, 1, 1, 1, 1], tolerance);
    }

    [Fact]
    public void Compute_AtOnceOrInPieces_IsTheSameToTheLastBit()
    {
        const int Heads = 4, Size = 40, Tokens = 17;
        float[] qkv = Numbers.Random(_random, Tokens * 3 * Heads * Size);
        using var cache = Cache(Heads, Size, "fp32");
        float[] whole = Run(cache, 0, [0], [Tokens], qkv);
        List<float> pieces = [];
        for (int start = 0, count = 1; start < Tokens; start += count, count = Math.Min(count * 2, Tokens - start))
        {
            pieces.AddRange(Run(cache, 3, [start], [count], qkv[(start * 3 * Heads * Size)..((start + count) * 3 * Heads * Size)]));
        }

        Assert.Equal(whole, pieces);
    }

    [Fact]
    public void CopyRow_Beginning_IsWhatTheOtherSlotThenHolds()
    {
        const int Heads = 2, Size = 32, Width = Heads * Size, Tokens = 9;
        float[] qkv = Numbers.Random(_random, Tokens * 3 * Width);
        using var cache = Cache(Heads, Size, "fp32");
        float[] expected = Run(cache, 0, [0], [Tokens], qkv)[^Width..];
        cache.CopyRow(0, 4, Tokens - 1);
        Assert.Equal(expected, Run(cache, 4, [Tokens - 1], [1], qkv[^(3 * Width)..]));
    }

    [Fact]
    public void Compute_FactorsAndBias_AreThoseOfTheProductBefore()
    {
        const int Heads = 2, Size = 32, Width = Heads * Size, Tokens = 6;
        float[] product = Numbers.Random(_random, Tokens * 3 * Width), bias = Numbers.Random(_random, 3 * Width), factors = Numbers.Random(_random, Tokens);
        using var cache = Cache(Heads, Size, "fp32");
        float[] actual = Run(cache, 0, [0], [Tokens], product, factors, bias);
        float[] scaled = [.. product.Select((value, i) => (value * factors[i / (3 * Width)]) + bias[i % (3 * Width)])];
        Assert.Equal(Run(cache, 1, [0], [Tokens], scaled), actual);
    }

    [Fact]
    public void Compute_NaN_StaysInItsSlot()
    {
        using var cache = Cache(2, 32, "int8");
        float[] qkv = Numbers.Random(_random, 2 * 3 * 64);
        qkv[70] = float.NaN;                                 // a key of the first slot
        float[] actual = Run(cache, 0, [0, 0], [1, 1], qkv);
        Assert.Contains(actual[..64], float.IsNaN);
        Assert.DoesNotContain(actual[64..], float.IsNaN);
    }

    [Fact]
    public void Bring_MoreThanTheSlotHolds_Throws()
    {
        using var cache = Cache(2, 32, "fp32");
        cache.Begin(Slots - 1, 1);
        cache.Bring(0, MaxTokens - 1, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Bring(0, MaxTokens, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Bring(0, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Bring(0, int.MaxValue, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Begin(Slots - 1, 2));
    }

    [Fact]
    public void CopyRow_BeyondASlot_Throws()
    {
        using var cache = Cache(2, 32, "fp32");
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.CopyRow(0, 1, MaxTokens + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.CopyRow(0, Slots, 1));
    }

    [Fact]
    public void SlotCache_SlotLongerThanAttentionTakes_Throws() => Assert.Throws<ArgumentOutOfRangeException>(
        () => new SlotCache(layers: 1, heads: 1, headSize: 1, slots: 1, SlotCache.MostTokens + 1, isHalf: false));

    [Fact]
    public void Create_LayerThatTheCacheHasNot_Fails()
    {
        using var cache = Cache(2, 32, "fp32");
        using var domain = new OperatorDomain(OperatorDomain.SlotsName, SlotAttention.Operators(cache));
        var e = Assert.Throws<OnnxRuntimeException>(() => NodeRun.Run(
            domain,
            OperatorDomain.SlotsName,
            SlotAttention.Name,
            [(new float[3 * 64], [1, 1, 3 * 64])],
            [DataType.Float],
            GraphNodes.Attribute("layer", 1)));
        Assert.Contains("names layer 1; its cache has 1", e.Message);
    }

    [Fact]
    public void Compute_RowsOfAnotherWidth_Fails()
    {
        using var cache = Cache(2, 32, "fp32");
        var e = Assert.Throws<OnnxRuntimeException>(() => Run(cache, 0, [0], [1], new float[7]));
        Assert.Contains("for 1 rows of 3 × 64", e.Message);
    }

    private static SlotCache Cache(int heads, int size, string precision) =>
        new(layers: 1, heads, size, Slots, MaxTokens, isHalf: precision == "int8");

    private static void AssertRun(SlotCache cache, float[][] sequences, int firstSlot, int[] starts, int[] counts, double tolerance)
    {
        int width = cache.Width, tokens = counts.Max();
        float[] qkv = new float[starts.Length * tokens * 3 * width];
        for (int row = 0; row < starts.Length; row++)
        {
            sequences[firstSlot + row].AsSpan(starts[row] * 3 * width, counts[row] * 3 * width).CopyTo(qkv.AsSpan(row * tokens * 3 * width));
        }

        float[] actual = Run(cache, firstSlot, starts, counts, qkv);
        for (int row = 0; row < starts.Length; row++)
        {
            for (int t = 0; t < tokens; t++)
            {
                int place = ((row * tokens) + t) * width;
                double[] expected = t < counts[row] ? Expected(cache, sequences[firstSlot + row], starts[row] + t) : new double[width];
                Numbers.AssertClose(expected, actual[place..(place + width)], tolerance);
            }
        }
    }

    private static double[] Expected(SlotCache cache, float[] sequence, int token)
    {
        int width = cache.Width;
        double[] output = new double[width];
        for (int head = 0; head < cache.Heads; head++)
        {
            int offset = head * cache.HeadSize;
            double Part(int t, int part, int i) => sequence[(t * 3 * width) + (part * width) + offset + i];
            double[] weights = [.. Enumerable.Range(0, token + 1).Select(t =>
                Math.Exp(Enumerable.Range(0, cache.HeadSize).Sum(i => Part(token, 0, i) * Part(t, 1, i)) / Math.Sqrt(cache.HeadSize)))];
            for (int i = 0; i < cache.HeadSize; i++)
            {
                output[offset + i] = weights.Select((weight, t) => weight * Part(t, 2, i)).Sum() / weights.Sum();
            }
        }

        return output;
    }

    private static float[] Run(SlotCache cache, int firstSlot, int[] starts, int[] counts, float[] qkv, float[]? factors = null, float[]? bias = null)
    {
        cache.Begin(firstSlot, starts.Length);
        for (int row = 0; row < starts.Length; row++)
        {
            cache.Bring(row, starts[row], counts[row]);
        }

        using var domain = new OperatorDomain(OperatorDomain.SlotsName, SlotAttention.Operators(cache));
        NodeInput tokens = (qkv, [starts.Length, counts.Max(), qkv.Length / starts.Length / counts.Max()]);
        return NodeRun.Run(
            domain,
            OperatorDomain.SlotsName,
            SlotAttention.Name,
            factors is null ? [tokens] : [tokens, (factors, [factors.Length]), (bias!, [bias!.Length])],
            [DataType.Float],
            GraphNodes.Attribute("layer", 0))[0].Values;
    }
}
