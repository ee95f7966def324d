using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Engine.Tests.Kernels;

public sealed class MultiplyRowsTests : IDisposable
{
    private const int Offset = 64;                           // bytes before the weights in their file
    private readonly string _file = Path.GetTempFileName();
    private readonly Random _random = new(5);
    private readonly PackedWeights _weights = new();

    public MultiplyRowsTests()
    {
        Assert.SkipUnless(PanelProduct.IsSupported, "the processor has no AVX-512: ONNX Runtime's products are used");
        _weights.Enter();
    }

    public void Dispose()
    {
        _weights.Leave();
        File.Delete(_file);
    }

    // Rows: 8 at once, 4, and one by one; columns: whole panels of 48, and parts; more rows than are kept in a core's cache at once.
    [Theory]
    [InlineData(1, 5, 48, false, true)]
    [InlineData(8, 64, 96, false, false)]
    [InlineData(13, 100, 50, false, true)]
    [InlineData(7, 33, 2, false, true)]
    [InlineData(64, 48, 1000, true, false)]
    [InlineData(3, 17, 49, true, true)]
    [InlineData(70, 20000, 3, false, false)]
    public void Compute_AnyShape_IsTheProduct(int rows, int inputs, int outputs, bool transposed, bool biased)
    {
        float[] x = Numbers.Random(_random, rows * inputs), w = Numbers.Random(_random, inputs * outputs), bias = Numbers.Random(_random, outputs);
        Write(w);
        float[] actual = Multiply(x, rows, inputs, outputs, transposed, biased ? bias : null);

        double[] expected = new double[rows * outputs];
        for (int row = 0; row < rows; row++)
        {
            for (int output = 0; output < outputs; output++)
            {
                double sum = biased ? bias[output] : 0;
                for (int input = 0; input < inputs; input++)
                {
                    sum += (double)x[(row * inputs) + input] * w[transposed ? (output * inputs) + input : (input * outputs) + output];
                }

                expected[(row * outputs) + output] = sum;
            }
        }

        Numbers.AssertClose(expected, actual, 1e-6 * Math.Sqrt(inputs));
    }

    [Fact]
    public void Compute_OneRowOrMany_GivesEachRowTheSameBits()
    {
        const int Inputs = 70, Outputs = 100, Rows = 29;
        Write(Numbers.Random(_random, Inputs * Outputs));
        float[] x = Numbers.Random(_random, Rows * Inputs), bias = Numbers.Random(_random, Outputs);
        float[] all = Multiply(x, Rows, Inputs, Outputs, false, bias);
        foreach (int row in (int[])[0, 7, 8, 23, 24, 27, 28])
        {
            float[] alone = Multiply(x[(row * Inputs)..((row + 1) * Inputs)], 1, Inputs, Outputs, false, bias);
            Assert.Equal(alone, all[(row * Outputs)..((row + 1) * Outputs)]);
        }
    }

    [Fact]
    public void Compute_RowsOfTokens_KeepTheirAxes()
    {
        Write(new float[3 * 5]);
        var result = NodeRun.Run(
            GraphFusion.RowOperators, OperatorDomain.Name, "MultiplyRows", [(new float[2 * 4 * 3], [2, 4, 3])], [DataType.Float], [.. Weights(3, 5, false)]);
        Assert.Equal([2, 4, 5], result[0].Shape);
    }

    [Fact]
    public void Compute_RowsOfAnotherLength_Fails()
    {
        Write(new float[3 * 5]);
        var e = Assert.Throws<OnnxRuntimeException>(() => NodeRun.Run(
            GraphFusion.RowOperators, OperatorDomain.Name, "MultiplyRows", [(new float[4], [1, 4])], [DataType.Float], [.. Weights(3, 5, false)]));
        Assert.Contains("rows of 4 numbers; its weights take 3", e.Message);
    }

    [Fact]
    public void Create_FileThatEndsBeforeTheWeights_FailsWhenTheSessionIsOpened()
    {
        Write(new float[3]);
        Assert.Throws<OnnxRuntimeException>(() => Multiply(new float[3], 1, 3, 2000, false, null));
    }

    [Fact]
    public void Create_OwnerWithoutAnOpenSession_FailsWhenTheSessionIsOpened()
    {
        Write(new float[3 * 5]);
        var weights = Weights(3, 5, false, owner: new PackedWeights().Owner);
        var e = Assert.Throws<OnnxRuntimeException>(() => NodeRun.Run(
            GraphFusion.RowOperators, OperatorDomain.Name, "MultiplyRows", [(new float[3], [1, 3])], [DataType.Float], weights));
        Assert.Contains("has no open session", e.Message);
    }

    private float[] Multiply(float[] x, int rows, int inputs, int outputs, bool transposed, float[]? bias) => NodeRun.Run(
        GraphFusion.RowOperators,
        OperatorDomain.Name,
        "MultiplyRows",
        bias is null ? [(x, [rows, inputs])] : [(x, [rows, inputs]), (bias, [outputs])],
        [DataType.Float],
        [.. Weights(inputs, outputs, transposed)])[0].Values;

    private Rudder.Onnx.AttributeProto[] Weights(int inputs, int outputs, bool transposed, long? owner = null) =>
    [
        GraphNodes.Attribute("weight", "w"),
        GraphNodes.Attribute("file", _file),
        GraphNodes.Attribute("offset", Offset),
        GraphNodes.Attribute("rows", transposed ? outputs : inputs),
        GraphNodes.Attribute("columns", transposed ? inputs : outputs),
        GraphNodes.Attribute("transposed", transposed ? 1 : 0),
        GraphNodes.Attribute("owner", owner ?? _weights.Owner),
    ];

    private void Write(float[] weights) => File.WriteAllBytes(_file, [.. new byte[Offset], .. MemoryMarshal.AsBytes(weights.AsSpan())]);
}
