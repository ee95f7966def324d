using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Onnx;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Engine.Tests.Kernels;

/// <summary>One operator of this program as a graph of its own, run by ONNX Runtime.</summary>
internal static class NodeRun
{
    /// <summary>Runs a node once on two threads.</summary>
    /// <param name="domain">Where its operator is known.</param>
    /// <param name="name">The domain's name.</param>
    /// <param name="operation">The operator.</param>
    /// <param name="inputs">Floats, or int32 numbers, and shapes; null: an optional input is left out.</param>
    /// <param name="outputs">Types of the outputs.</param>
    /// <param name="attributes">Of the node.</param>
    public static IReadOnlyList<(float[] Values, long[] Shape)> Run(
        OperatorDomain domain,
        string name,
        string operation,
        IReadOnlyList<NodeInput?> inputs,
        IReadOnlyList<DataType> outputs,
        params AttributeProto[] attributes)
    {
        using var options = GraphSession.Options(2);
        domain.AddTo(options);
        using var session = new InferenceSession(Model(name, operation, inputs, outputs, attributes).ToByteArray(), options);
        var given = inputs.Index().Where(input => input.Item is not null).ToDictionary(
            input => $"in{input.Index}",
            input => input.Item!.Value());
        using var runOptions = new RunOptions();
        using var results = session.Run(runOptions, given, [.. outputs.Select((_, i) => $"out{i}")]);
        var read = results.Select(Read).ToArray();
        foreach (var value in given.Values)
        {
            value.Dispose();
        }

        return read;
    }

    private static (float[] Values, long[] Shape) Read(OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        float[] values = info.ElementDataType == TensorElementType.UInt8
            ? [.. value.GetTensorDataAsSpan<byte>().ToArray().Select(number => (float)number)]
            : value.GetTensorDataAsSpan<float>().ToArray();
        return (values, info.Shape);
    }

    private static ModelProto Model(
        string domain, string operation, IReadOnlyList<NodeInput?> inputs, IReadOnlyList<DataType> outputs, AttributeProto[] attributes)
    {
        var node = new NodeProto { OpType = operation, Domain = domain };
        node.Attribute.AddRange(attributes);
        var graph = new GraphProto { Name = "one" };
        graph.Node.Add(node);
        for (int i = 0; i < inputs.Count; i++)
        {
            node.Input.Add(inputs[i] is null ? "" : $"in{i}");
            if (inputs[i] is { } input)
            {
                graph.Input.Add(Value($"in{i}", input.Type, input.Shape.Length));
            }
        }

        for (int i = 0; i < outputs.Count; i++)
        {
            node.Output.Add($"out{i}");
            graph.Output.Add(Value($"out{i}", outputs[i], 0));
        }

        var model = new ModelProto { IrVersion = 10, Graph = graph };
        model.OpsetImport.Add([new OperatorSetIdProto { Domain = "", Version = 21 }, new OperatorSetIdProto { Domain = domain, Version = 1 }]);
        return model;
    }

    private static ValueInfoProto Value(string name, DataType type, int rank)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = type };
        if (rank > 0)
        {
            tensor.Shape = new TensorShapeProto();
            tensor.Shape.Dim.AddRange(Enumerable.Range(0, rank).Select(axis => new TensorShapeProto.Types.Dimension { DimParam = $"{name}_{axis}" }));
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}

/// <summary>An input of a node.</summary>
/// <param name="Type">Of its elements.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Value">Makes the value, which the caller disposes.</param>
internal sealed record NodeInput(DataType Type, long[] Shape, Func<OrtValue> Value)
{
    /// <summary>Of floats.</summary>
    public static implicit operator NodeInput((float[] Values, long[] Shape) input) =>
        new(DataType.Float, input.Shape, () => OrtValue.CreateTensorValueFromMemory(input.Values, input.Shape));

    /// <summary>Of int32 numbers.</summary>
    public static implicit operator NodeInput((int[] Values, long[] Shape) input) =>
        new(DataType.Int32, input.Shape, () => OrtValue.CreateTensorValueFromMemory(input.Values, input.Shape));
}

/// <summary>Random numbers and comparison for tests of operators.</summary>
internal static class Numbers
{
    /// <summary>Uniform in [-scale, scale).</summary>
    public static float[] Random(Random random, int count, float scale = 1) => [.. Enumerable.Range(0, count).Select(_ => ((random.NextSingle() * 2) - 1) * scale)];

    /// <summary>Asserts that every number is the expected one up to a small error, relative to 1 or to the number if that is larger.</summary>
    public static void AssertClose(IReadOnlyList<double> expected, IReadOnlyList<float> actual, double tolerance)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            double error = Math.Abs(expected[i] - actual[i]) / Math.Max(1, Math.Abs(expected[i]));
            Assert.True(error <= tolerance, $"number {i}: expected {expected[i]}, got {actual[i]}");
        }
    }
}
