using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Engine.Tests.Kernels;

/// <summary>Attention of the slot engine where groups of query heads share keys and values, positions turn them, and a window hides old ones.</summary>
public sealed class GroupedSlotAttentionTests
{
    private const int Slots = 4, MaxTokens = 24;
    private readonly Random _random = new(11);

    [Theory]
    [InlineData(4, 2, 64, 32, 0, "fp32", 1e-5)]             // whole heads turn
    [InlineData(6, 2, 8, 4, 0, "fp32", 1e-5)]               // three heads of a group, less than a vector
    [InlineData(3, 1, 24, 4, 0, "fp32", 1e-5)]              // the first 8 of 24 numbers turn
    [InlineData(4, 4, 16, 0, 0, "fp32", 1e-5)]              // no groups, nothing turns
    [InlineData(4, 2, 16, 8, 5, "fp32", 1e-5)]              // a window of 5
    [InlineData(4, 2, 64, 32, 0, "int8", 0.02)]
    public void Compute_PromptsThenSteps_IsTheFormula(int heads, int groups, int size, int pairs, int window, string precision, double tolerance)
    {
        var shape = new Shape(heads, groups, size, pairs, window);
        using var cache = Cache(shape, precision);
        float[][] queries = Random(heads * size), keys = Random(groups * size), values = Random(groups * size);
        var angles = Angles(pairs, MaxTokens);
        int[] lengths = [3, 1, 15, 7];
        foreach (var (starts, counts) in ((int[] Starts, int[] Counts)[])[([0, 0, 0, 0], lengths), (lengths, [1, 1, 1, 1]), ([.. lengths.Select(n => n + 1)], [2, 2, 2, 2])])
        {
            int tokens = counts.Max();
            float[] actual = Run(cache, shape, starts, counts, queries, keys, values, angles);
            for (int row = 0; row < Slots; row++)
            {
                for (int t = 0; t < tokens; t++)
                {
                    int place = ((row * tokens) + t) * heads * size;
                    double[] expected = t < counts[row] ? Expected(shape, queries[row], keys[row], values[row], angles, starts[row] + t) : new double[heads * size];
                    Numbers.AssertClose(expected, actual[place..(place + (heads * size))], tolerance);
                }
            }
        }
    }

    [Theory]
    [InlineData(MaxTokens - 1, 8)]
    [InlineData(MaxTokens, 9)]
    public void Compute_AnglesThatDoNotReach_Fail(int positions, int pairs)
    {
        var shape = new Shape(2, 1, 16, pairs, 0);
        using var cache = Cache(shape, "fp32");
        var e = Assert.Throws<OnnxRuntimeException>(() =>
            Run(cache, shape, [0, 0, 0, 0], [1, 1, 1, 1], Random(32), Random(16), Random(16), Angles(pairs, positions)));
        Assert.Contains($"angles of {positions} positions and {pairs} pairs", e.Message);
    }

    [Fact]
    public void Compute_KeysOfAnotherWidth_Fail()
    {
        var shape = new Shape(2, 1, 16, 0, 0);
        using var cache = Cache(shape, "fp32");
        var e = Assert.Throws<OnnxRuntimeException>(() => Run(cache, shape, [0, 0, 0, 0], [1, 1, 1, 1], Random(32), Random(15), Random(16), Angles(0, MaxTokens)));
        Assert.Contains("input 1 of an operator of this program has 60 numbers", e.Message);
    }

    [Fact]
    public void SlotCache_GroupsThatDoNotDivide_Throw() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new SlotCache(layers: 1, heads: 4, headSize: 1, slots: 1, maxTokens: 1, isHalf: false, keyValueHeads: 3));

    private static SlotCache Cache(Shape shape, string precision) => new(1, shape.Heads, shape.Size, Slots, MaxTokens, precision == "int8", shape.Groups);

    private float[][] Random(int width) => [.. Enumerable.Range(0, Slots).Select(_ => Numbers.Random(_random, MaxTokens * width))];

    private (float[] Cosines, float[] Sines) Angles(int pairs, int positions)
    {
        float[] angles = Numbers.Random(_random, positions * pairs, 3);
        return ([.. angles.Select(MathF.Cos)], [.. angles.Select(MathF.Sin)]);
    }

    private static double[] Expected(Shape shape, float[] queries, float[] keys, float[] values, (float[] Cosines, float[] Sines) angles, int token)
    {
        int share = shape.Heads / shape.Groups, first = shape.Window == 0 ? 0 : Math.Max(0, token + 1 - shape.Window);
        double[] output = new double[shape.Heads * shape.Size];
        for (int head = 0; head < shape.Heads; head++)
        {
            double[] query = Turned(queries, token, shape.Heads, head);
            double[] weights = [.. Enumerable.Range(first, token + 1 - first).Select(t =>
                Math.Exp(query.Zip(Turned(keys, t, shape.Groups, head / share), (a, b) => a * b).Sum() / Math.Sqrt(shape.Size)))];
            for (int i = 0; i < shape.Size; i++)
            {
                output[(head * shape.Size) + i] = weights.Select((weight, t) => weight * values[((((first + t) * shape.Groups) + (head / share)) * shape.Size) + i]).Sum() / weights.Sum();
            }
        }

        return output;

        double[] Turned(float[] all, int position, int heads, int head)
        {
            float[] x = all[(((position * heads) + head) * shape.Size)..(((position * heads) + head + 1) * shape.Size)];
            double[] turned = [.. x];
            for (int i = 0; i < shape.Pairs; i++)
            {
                double cosine = angles.Cosines[(position * shape.Pairs) + i], sine = angles.Sines[(position * shape.Pairs) + i];
                turned[i] = (x[i] * cosine) - (x[i + shape.Pairs] * sine);
                turned[i + shape.Pairs] = (x[i + shape.Pairs] * cosine) + (x[i] * sine);
            }

            return turned;
        }
    }

    private static float[] Run(
        SlotCache cache, Shape shape, int[] starts, int[] counts, float[][] queries, float[][] keys, float[][] values, (float[] Cosines, float[] Sines) angles)
    {
        int tokens = counts.Max();
        cache.Begin(0, starts.Length);
        for (int row = 0; row < starts.Length; row++)
        {
            cache.Bring(row, starts[row], counts[row]);
        }

        using var domain = new OperatorDomain(OperatorDomain.SlotsName, SlotAttention.Operators(cache));
        NodeInput?[] inputs = [Tokens(queries), Tokens(keys), Tokens(values)];
        NodeInput?[] tables = shape.Pairs == 0 ? [] : [Table(angles.Cosines), Table(angles.Sines)];
        return NodeRun.Run(
            domain,
            OperatorDomain.SlotsName,
            SlotAttention.GroupedName,
            [.. inputs, .. tables],
            [DataType.Float],
            GraphNodes.Attribute("layer", 0),
            GraphNodes.Attribute("window", shape.Window))[0].Values;

        NodeInput Table(float[] numbers) => (numbers, [numbers.Length / shape.Pairs, shape.Pairs]);

        NodeInput Tokens(float[][] sequences)
        {
            int width = sequences[0].Length / MaxTokens;
            float[] all = new float[starts.Length * tokens * width];
            for (int row = 0; row < starts.Length; row++)
            {
                sequences[row].AsSpan(starts[row] * width, counts[row] * width).CopyTo(all.AsSpan(row * tokens * width));
            }

            return (all, [starts.Length, tokens, width]);
        }
    }

    private sealed record Shape(int Heads, int Groups, int Size, int Pairs, int Window);
}
