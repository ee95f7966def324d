using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Onnx;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Engine.Tests.Kernels;

public sealed class RowKernelsTests
{
    private const double Tolerance = 2e-6;
    private readonly Random _random = new(3);

    [Theory]
    [InlineData(1, 16, false)]
    [InlineData(5, 19, true)]
    [InlineData(3, 7, true)]
    public void GeluRows_AnyWidth_IsTheFormula(int rows, int columns, bool scaled)
    {
        float[] x = Numbers.Random(_random, rows * columns, 12), bias = Numbers.Random(_random, columns), factors = Numbers.Random(_random, rows, 2);
        var actual = Run("GeluRows", [(x, [rows, columns]), (bias, [columns]), scaled ? (factors, [rows]) : null], [DataType.Float], Exact(0));

        double[] expected = [.. x.Select((value, i) =>
        {
            double y = (value * (scaled ? factors[i / columns] : 1d)) + bias[i % columns];
            return y / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (y + (0.044715 * y * y * y))));
        })];
        Numbers.AssertClose(expected, actual[0].Values, Tolerance);
    }

    // In vectors of sixteen and what is left, against y·Φ(y) in double from ten to minus ten, beside which float32 has no other digits.
    [Theory]
    [InlineData(2048, false)]
    [InlineData(2041, true)]
    public void GeluRows_Exact_IsTheFormula(int columns, bool scaled)
    {
        float[] x = [.. Enumerable.Range(0, columns).Select(i => ((20f * i) / columns) - 10)], bias = Numbers.Random(_random, columns, 0.01f), factor = [0.75f];
        float[] actual = Run("GeluRows", [(x, [1, columns]), (bias, [columns]), scaled ? (factor, [1]) : null], [DataType.Float], Exact(1))[0].Values;

        for (int i = 0; i < columns; i++)
        {
            double y = ((double)x[i] * (scaled ? factor[0] : 1)) + bias[i], expected = y * Normal(y);
            Assert.True(Math.Abs(actual[i] - expected) <= 4e-7 * Math.Max(1, y), $"{y}: {actual[i]} instead of {expected}");
            // Far out on the left, too, the digits are right and not only small: one rounding of y changes exp(-y²/2) by y² roundings.
            Assert.True(Math.Abs(actual[i] - expected) <= (8e-7 + (y * y * 1.2e-7)) * Math.Abs(expected), $"{y}: {actual[i]} instead of {expected}");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void GeluRows_FarOut_IsZeroOrTheNumberAndKeepsNaN(int exact)
    {
        // In a vector, and one by one.
        float[] x = [-1e30f, -50, 50, 1e10f, float.NaN, .. new float[11], -1e30f, -50, 50, 1e10f, float.NaN];
        float[] actual = Run("GeluRows", [(x, [1, x.Length]), (new float[x.Length], [x.Length]), null], [DataType.Float], Exact(exact))[0].Values;
        float[] expected = [0, 0, 50, 1e10f, float.NaN];
        Assert.Equal([.. expected, .. new float[11], .. expected], actual.Select(value => value + 0f));
    }

    [Theory]
    [InlineData(1, 16, true, false, true)]
    [InlineData(4, 33, false, true, true)]
    [InlineData(3, 5, true, true, false)]
    public void NormalizeRows_AnyWidth_IsTheFormula(int rows, int columns, bool biased, bool scaled, bool sum)
    {
        float[] x = Numbers.Random(_random, rows * columns), skip = Numbers.Random(_random, rows * columns, 3), weight = Numbers.Random(_random, columns);
        float[] shift = Numbers.Random(_random, columns), bias = Numbers.Random(_random, columns), factors = Numbers.Random(_random, rows, 2);
        const float Epsilon = 1e-5f;
        var actual = Run(
            "NormalizeRows",
            [
                (x, [rows, columns]), (skip, [rows, columns]), (weight, [columns]), (shift, [columns]), (biased ? bias : shift, [columns]),
                scaled ? (factors, [rows]) : null,
            ],
            sum ? [DataType.Float, DataType.Float] : [DataType.Float],
            GraphNodes.Attribute("epsilon", Epsilon),
            GraphNodes.Attribute("sum", sum ? 1 : 0),
            GraphNodes.Attribute("bias", biased ? 1 : 0));

        double[] sums = [.. x.Select((value, i) => (value * (scaled ? factors[i / columns] : 1d)) + skip[i] + (biased ? bias[i % columns] : 0))];
        double[] expected = [.. sums.Select((value, i) =>
        {
            double[] row = sums[(i / columns * columns)..((i / columns * columns) + columns)];
            double mean = row.Average(), variance = row.Average(number => (number - mean) * (number - mean));
            return ((value - mean) / Math.Sqrt(variance + Epsilon) * weight[i % columns]) + shift[i % columns];
        })];
        Numbers.AssertClose(expected, actual[0].Values, 10 * Tolerance);
        if (sum)
        {
            Numbers.AssertClose(sums, actual[1].Values, Tolerance);
        }
    }

    [Theory]
    [InlineData(1, 16, false, true)]
    [InlineData(4, 33, true, true)]
    [InlineData(3, 5, true, false)]
    public void RmsNormalizeRows_AnyWidth_IsTheFormula(int rows, int columns, bool scaled, bool sum)
    {
        float[] x = Numbers.Random(_random, rows * columns), skip = Numbers.Random(_random, rows * columns, 3);
        float[] weight = Numbers.Random(_random, columns), factors = Numbers.Random(_random, rows, 2);
        const float Epsilon = 1e-5f;
        NodeInput?[] inputs = [(x, [rows, columns]), (skip, [rows, columns]), (weight, [columns]), scaled ? (factors, [rows]) : null];
        AttributeProto[] attributes = [GraphNodes.Attribute("epsilon", Epsilon), GraphNodes.Attribute("sum", sum ? 1 : 0)];
        DataType[] sums = sum ? [DataType.Float] : [];

        var actual = Run("RmsNormalizeRows", inputs, [DataType.Float, .. sums], attributes);
        var bytes = Run("RmsNormalizeQuantizeRows", inputs, [DataType.Uint8, DataType.Float, .. sums], [.. attributes, .. RowFusion.Attributes(new RowQuantizer(true, 1f / 127, 1e-30f))]);

        double[] added = [.. x.Select((value, i) => (value * (scaled ? factors[i / columns] : 1d)) + skip[i])];
        double[] expected = [.. added.Select((value, i) =>
            value / Math.Sqrt(added[(i / columns * columns)..((i / columns * columns) + columns)].Average(number => number * number) + Epsilon) * weight[i % columns])];
        Numbers.AssertClose(expected, actual[0].Values, 10 * Tolerance);
        var (quantized, scales) = Quantize(actual[0].Values, rows, columns, magnitudes: true, 1f / 127, 1e-30f);
        Assert.Equal(quantized, bytes[0].Values);
        Assert.Equal(scales, bytes[1].Values);
        if (sum)
        {
            Numbers.AssertClose(added, actual[1].Values, Tolerance);
            Assert.Equal(actual[1].Values, bytes[2].Values);
        }
    }

    [Theory]
    [InlineData(1, 16, false)]
    [InlineData(3, 37, true)]
    public void GateRows_AnyWidth_IsTheFormula(int rows, int columns, bool scaled)
    {
        float[] gate = Numbers.Random(_random, rows * columns, 5), up = Numbers.Random(_random, rows * columns), factors = Numbers.Random(_random, rows, 2);
        NodeInput?[] inputs = [(gate, [rows, columns]), (up, [rows, columns]), scaled ? (factors, [rows]) : null];

        float[] actual = Run("GateRows", inputs, [DataType.Float])[0].Values;
        var bytes = Run("GateQuantizeRows", inputs, [DataType.Uint8, DataType.Float], RowFusion.Attributes(new RowQuantizer(true, 1f / 127, 1e-30f)));

        double Factor(int i) => scaled ? factors[i / columns] : 1;
        double[] expected = [.. gate.Select((value, i) => value * Factor(i) / (1 + Math.Exp(-value * Factor(i))) * (up[i] * Factor(i)))];
        Numbers.AssertClose(expected, actual, Tolerance);
        var (quantized, scales) = Quantize(actual, rows, columns, magnitudes: true, 1f / 127, 1e-30f);
        Assert.Equal(quantized, bytes[0].Values);
        Assert.Equal(scales, bytes[1].Values);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void QuantizeRows_RandomRows_IsTheDefinition(bool magnitudes)
    {
        const int Rows = 6, Columns = 37;
        float[] x = Numbers.Random(_random, Rows * Columns, 5);
        for (int i = 0; i < Columns; i++)
        {
            x[i] = magnitudes ? 0 : -0.1f;                   // a row that gives no scale of its own
        }

        const float Factor = 1f / 127, Floor = 0.0013f;
        var actual = Quantize(x, Rows, Columns, magnitudes, Factor, Floor);

        for (int row = 0; row < Rows; row++)
        {
            float[] values = x[(row * Columns)..((row + 1) * Columns)];
            float scale = Math.Max((magnitudes ? values.Max(Math.Abs) : values.Max()) * Factor, Floor);
            Assert.Equal(scale, actual.Scales[row]);
            float[] bytes = [.. values.Select(value => (float)Math.Clamp(Math.Round(value / scale, MidpointRounding.ToEven) + 128, 0, 255))];
            Assert.Equal(bytes, actual.Bytes[(row * Columns)..((row + 1) * Columns)]);
        }
    }

    [Fact]
    public void QuantizeRows_TiesAndTooLarge_AreRoundedToEvenAndCut()
    {
        float[] x = [127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -1000, 126.5f, 3, 4, 5, 6, 7, 8, 9, 10, 0.5f, 1.5f, -1000];
        var actual = Quantize(x, 1, x.Length, magnitudes: false, factor: 1f / 127, floor: 1e-30f);
        Assert.Equal([255, 128, 130, 130, 128, 126, 0, 254, 131, 132, 133, 134, 135, 136, 137, 138, 128, 130, 0], actual.Bytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void GeluQuantizeRows_RandomRows_EqualsTheTwoOneAfterTheOther(int exact)
    {
        const int Rows = 5, Columns = 37;
        NodeInput bias = (Numbers.Random(_random, Columns), [Columns]), x = (Numbers.Random(_random, Rows * Columns, 4), [Rows, Columns]);
        float[] floats = Run("GeluRows", [x, bias, null], [DataType.Float], Exact(exact))[0].Values;
        var expected = Quantize(floats, Rows, Columns, magnitudes: false, 1f / 127, 0.0013f);

        var actual = Run(
            "GeluQuantizeRows", [x, bias, null], [DataType.Uint8, DataType.Float], [Exact(exact), .. RowFusion.Attributes(new RowQuantizer(false, 1f / 127, 0.0013f))]);

        Assert.Equal(expected.Bytes, actual[0].Values);
        Assert.Equal(expected.Scales, actual[1].Values);
    }

    [Fact]
    public void NormalizeQuantizeRows_WithTheSum_EqualsTheTwoOneAfterTheOther()
    {
        const int Rows = 4, Columns = 21;
        NodeInput matrix = (Numbers.Random(_random, Rows * Columns), [Rows, Columns]), row = (Numbers.Random(_random, Columns), [Columns]);
        NodeInput?[] inputs = [matrix, matrix, row, row, row];
        AttributeProto[] attributes = [GraphNodes.Attribute("epsilon", 1e-5f), GraphNodes.Attribute("sum", 1), GraphNodes.Attribute("bias", 1)];
        var floats = Run("NormalizeRows", inputs, [DataType.Float, DataType.Float], attributes);
        var expected = Quantize(floats[0].Values, Rows, Columns, magnitudes: true, 1f / 127, 1e-30f);

        var actual = Run(
            "NormalizeQuantizeRows",
            inputs,
            [DataType.Uint8, DataType.Float, DataType.Float],
            [.. attributes, .. RowFusion.Attributes(new RowQuantizer(true, 1f / 127, 1e-30f))]);

        Assert.Equal(expected.Bytes, actual[0].Values);
        Assert.Equal(expected.Scales, actual[1].Values);
        Assert.Equal(floats[1].Values, actual[2].Values);
    }

    [Fact]
    public void QuantizeRows_NaN_ShowsInItsRowsScaleAlone()
    {
        float[] x = [1, 2, 3, 4];
        x[1] = float.NaN;
        float[] scales = Quantize(x, 2, 2, magnitudes: true, factor: 1f / 127, floor: 1e-30f).Scales;
        Assert.True(float.IsNaN(scales[0]));
        Assert.Equal(4f / 127, scales[1]);
    }

    [Fact]
    public void Run_ShapeThatTheOperatorRefuses_FailsWithItsMessage()
    {
        var e = Assert.Throws<OnnxRuntimeException>(() => Run(
            "QuantizeRows", [(new float[1], [])], [DataType.Uint8, DataType.Float], GraphNodes.Attribute("magnitudes", 1), GraphNodes.Attribute("factor", 1f), GraphNodes.Attribute("floor", 1f)));
        Assert.Contains("tensor of 0 axes", e.Message);
    }

    [Fact]
    public void GeluRows_BiasOrFactorsOfAnotherLength_Fail()
    {
        var e = Assert.Throws<OnnxRuntimeException>(() => Run("GeluRows", [(new float[8], [1, 8]), (new float[7], [7]), null], [DataType.Float], Exact(0)));
        Assert.Contains("input 1 of an operator of this program has 7 numbers", e.Message);
        e = Assert.Throws<OnnxRuntimeException>(() => Run("GeluRows", [(new float[8], [2, 4]), (new float[4], [4]), (new float[1], [1])], [DataType.Float], Exact(0)));
        Assert.Contains("input 2 of an operator of this program has 1 numbers", e.Message);
    }

    private static AttributeProto Exact(int exact) => GraphNodes.Attribute("exact", exact);

    /// <summary>Φ(y): a half and an alternating series near the middle, a continued fraction of Mills' ratio far out.</summary>
    private static double Normal(double y)
    {
        if (Math.Abs(y) > 3)
        {
            double t = Math.Abs(y), fraction = t;
            for (int k = 60; k > 0; k--)
            {
                fraction = t + (k / fraction);
            }

            double tail = Math.Exp(-t * t / 2) / Math.Sqrt(2 * Math.PI) / fraction;
            return y < 0 ? tail : 1 - tail;
        }

        double sum = 0, term = y;
        for (int k = 0; k < 80; k++)
        {
            sum += term / ((2 * k) + 1);
            term *= -y * y / (2 * (k + 1));
        }

        return 0.5 + (sum / Math.Sqrt(2 * Math.PI));
    }

    private static (float[] Bytes, float[] Scales) Quantize(float[] x, int rows, int columns, bool magnitudes, float factor, float floor)
    {
        var results = Run(
            "QuantizeRows",
            [(x, [rows, columns])],
            [DataType.Uint8, DataType.Float],
            GraphNodes.Attribute("magnitudes", magnitudes ? 1 : 0),
            GraphNodes.Attribute("factor", factor),
            GraphNodes.Attribute("floor", floor));
        return (results[0].Values, results[1].Values);
    }

    private static IReadOnlyList<(float[] Values, long[] Shape)> Run(
        string operation, IReadOnlyList<NodeInput?> inputs, IReadOnlyList<DataType> outputs, params AttributeProto[] attributes) =>
        NodeRun.Run(GraphFusion.RowOperators, OperatorDomain.Name, operation, inputs, outputs, attributes);
}
