using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>The nodes of a graph by what they make, for finding patterns in it and replacing them.</summary>
/// <param name="graph">The graph; changed in place.</param>
internal sealed class GraphNodes(GraphProto graph)
{
    private readonly Dictionary<string, NodeProto> _makers =
        graph.Node.SelectMany(node => node.Output.Where(name => name.Length > 0).Select(name => (name, node))).ToDictionary(pair => pair.name, pair => pair.node);

    private readonly Dictionary<string, TensorProto> _constants = graph.Initializer.ToDictionary(tensor => tensor.Name);

    /// <summary>An attribute of a whole number.</summary>
    public static AttributeProto Attribute(string name, long value) => new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };

    /// <summary>An attribute of a float.</summary>
    public static AttributeProto Attribute(string name, float value) => new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };

    /// <summary>An attribute of text.</summary>
    public static AttributeProto Attribute(string name, string value) =>
        new() { Name = name, S = ByteString.CopyFromUtf8(value), Type = AttributeProto.Types.AttributeType.String };

    /// <summary>All nodes, in the order of computation.</summary>
    public IReadOnlyList<NodeProto> All => graph.Node;

    /// <summary>All nodes of an operator, as they are now.</summary>
    public IReadOnlyList<NodeProto> Of(string operation) => [.. graph.Node.Where(node => node.OpType == operation)];

    /// <summary>The node that makes a value, if it is of this operator.</summary>
    public NodeProto? Maker(string value, string operation) => _makers.TryGetValue(value, out var node) && node.OpType == operation ? node : null;

    /// <summary>A float constant of one element, if the value is one.</summary>
    public float? Constant(string value) =>
        _constants.TryGetValue(value, out var tensor) && tensor is { DataType: TensorProto.Types.DataType.Float, RawData.Length: sizeof(float) }
            ? BinaryPrimitives.ReadSingleLittleEndian(tensor.RawData.Span)
            : null;

    /// <summary>A constant of whole numbers, if the value is one.</summary>
    public long[]? Integers(string value) =>
        _constants.TryGetValue(value, out var tensor) && tensor is { DataType: TensorProto.Types.DataType.Int64 }
            ? MemoryMarshal.Cast<byte, long>(tensor.RawData.Span).ToArray()
            : null;

    /// <summary>Whether a node takes the first of every sequence's tokens: index 0 of axis 1.</summary>
    public bool IsFirstOfTokens(NodeProto gather) =>
        gather.Attribute is [{ Name: "axis", I: 1 }] && gather.Input.Count == 2 && _constants.TryGetValue(gather.Input[1], out var index)
        && index.Dims.Count == 0 && Integers(gather.Input[1]) is [0];

    /// <summary>The node that reads a value, if it is the only one and of this operator.</summary>
    public NodeProto? OnlyReader(string value, string operation) =>
        Readers(value) == 1 ? graph.Node.SingleOrDefault(node => node.OpType == operation && node.Input.Contains(value)) : null;

    /// <summary>A matrix of floats that lies in a file beside the graph, if the value is one; what is written otherwise is left to ONNX Runtime, which says what is wrong.</summary>
    public WeightPlace? Weights(string value)
    {
        if (!_constants.TryGetValue(value, out var tensor)
            || tensor is not { DataType: TensorProto.Types.DataType.Float, Dims.Count: 2, DataLocation: TensorProto.Types.DataLocation.External }
            || tensor.Dims.Any(size => size is <= 0 or > int.MaxValue))
        {
            return null;
        }

        string file = Entry(tensor, "location");
        return file.Length > 0 && file.AsSpan().IndexOfAny('/', '\\', ':') < 0 && file is not ("." or "..")
            && long.TryParse(Entry(tensor, "offset"), NumberStyles.None, CultureInfo.InvariantCulture, out long offset)
            && long.TryParse(Entry(tensor, "length"), NumberStyles.None, CultureInfo.InvariantCulture, out long length)
            && length % sizeof(float) == 0
            && length / sizeof(float) == tensor.Dims[0] * tensor.Dims[1]
                ? new WeightPlace(file, offset, (int)tensor.Dims[0], (int)tensor.Dims[1])
                : null;
    }

    /// <summary>How many nodes and outputs of the graph read a value.</summary>
    public int Readers(string value) => graph.Node.Count(node => node.Input.Contains(value)) + graph.Output.Count(output => output.Name == value);

    /// <summary>A product without the multiplication of its rows by a factor each, and the factors, [N]; the value itself and null where it is none.</summary>
    /// <param name="value">A value with one reader, to which the factors shall be left.</param>
    public (string Product, string? Factors) Unscaled(string value) =>
        Readers(value) == 1 && Maker(value, "Mul") is { } scaled && Maker(scaled.Input[1], "Unsqueeze") is { } column
            ? (scaled.Input[0], column.Input[0])
            : (value, null);

    /// <summary>Makes a node another one, in its place: the operator of this program with these inputs, outputs and attributes.</summary>
    public void Replace(NodeProto node, string operation, IEnumerable<string> inputs, IEnumerable<string> outputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        string[] read = [.. inputs], made = [.. outputs];
        node.OpType = operation;
        node.Domain = OperatorDomain.Name;
        node.Input.Clear();
        node.Input.AddRange(read);
        node.Output.Clear();
        node.Output.AddRange(made);
        node.Attribute.Clear();
        foreach (var attribute in attributes)
        {
            node.Attribute.Add(attribute);
        }

        foreach (string name in made.Where(name => name.Length > 0))
        {
            _makers[name] = node;
        }
    }

    /// <summary>Removes a node; another one must make its outputs.</summary>
    public void Remove(NodeProto node) => graph.Node.Remove(node);

    /// <summary>Removes nodes that nothing reads any more, those that only they read, and constants.</summary>
    public void RemoveUnread()
    {
        var read = graph.Output.Select(output => output.Name).ToHashSet();
        var kept = new List<NodeProto>();
        foreach (var node in graph.Node.Reverse())           // nodes stand in the order of computation
        {
            if (node.Output.Any(read.Contains))
            {
                read.UnionWith(node.Input);
                kept.Add(node);
            }
        }

        kept.Reverse();
        graph.Node.Clear();
        graph.Node.AddRange(kept);
        foreach (var constant in graph.Initializer.Where(tensor => !read.Contains(tensor.Name)).ToArray())
        {
            graph.Initializer.Remove(constant);
        }
    }

    private static string Entry(TensorProto tensor, string key) => tensor.ExternalData.FirstOrDefault(entry => entry.Key == key)?.Value ?? "";
}

/// <summary>Where a matrix of floats lies.</summary>
/// <param name="File">Name of a file in the graph's folder.</param>
/// <param name="Offset">Its first byte there.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
internal sealed record WeightPlace(string File, long Offset, int Rows, int Columns);
