using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>Index of a graph's nodes by their outputs, to find and replace patterns.</summary>
/// <param name="graph">The graph; changed in place.</param>
internal sealed class GraphNodes(GraphProto graph)
{
    private readonly Dictionary<string, NodeProto> _makers =
        graph.Node.SelectMany(node => node.Output.Where(name => name.Length > 0).Select(name => (name, node))).ToDictionary(pair => pair.name, pair => pair.node);

    private readonly Dictionary<string, TensorProto> _constants = graph.Initializer.ToDictionary(tensor => tensor.Name);

    /// <summary>Creates an integer attribute.</summary>
    public static AttributeProto Attribute(string name, long value) => new() { Name = name, I = value, Type = AttributeProto.Types.AttributeType.Int };

    /// <summary>Creates a float attribute.</summary>
    public static AttributeProto Attribute(string name, float value) => new() { Name = name, F = value, Type = AttributeProto.Types.AttributeType.Float };

    /// <summary>Creates a text attribute.</summary>
    public static AttributeProto Attribute(string name, string value) =>
        new() { Name = name, S = ByteString.CopyFromUtf8(value), Type = AttributeProto.Types.AttributeType.String };

    /// <summary>All nodes, in execution order.</summary>
    public IReadOnlyList<NodeProto> All => graph.Node;

    /// <summary>A snapshot of all nodes of an operator.</summary>
    public IReadOnlyList<NodeProto> Of(string operation) => [.. graph.Node.Where(node => node.OpType == operation)];

    /// <summary>The node that computes a value, if it has this operator.</summary>
    public NodeProto? Maker(string value, string operation) => _makers.TryGetValue(value, out var node) && node.OpType == operation ? node : null;

    /// <summary>A float constant of one element, if the value is one.</summary>
    public float? Constant(string value) =>
        _constants.TryGetValue(value, out var tensor) && tensor is { DataType: TensorProto.Types.DataType.Float, RawData.Length: sizeof(float) }
            ? BinaryPrimitives.ReadSingleLittleEndian(tensor.RawData.Span)
            : null;

    /// <summary>A constant of integers, if the value is one.</summary>
    public long[]? Integers(string value) =>
        _constants.TryGetValue(value, out var tensor) && tensor is { DataType: TensorProto.Types.DataType.Int64 }
            ? MemoryMarshal.Cast<byte, long>(tensor.RawData.Span).ToArray()
            : null;

    /// <summary>Whether a node selects the first token of every sequence: index 0 of axis 1.</summary>
    public bool IsFirstOfTokens(NodeProto gather) =>
        gather.Attribute is [{ Name: "axis", I: 1 }] && gather.Input.Count == 2 && _constants.TryGetValue(gather.Input[1], out var index)
        && index.Dims.Count == 0 && Integers(gather.Input[1]) is [0];

    /// <summary>The only node that reads a value, if there is exactly one and it has this operator.</summary>
    public NodeProto? OnlyReader(string value, string operation) =>
        Readers(value) == 1 ? graph.Node.SingleOrDefault(node => node.OpType == operation && node.Input.Contains(value)) : null;

    /// <summary>Location of a matrix in a file beside the graph; else null.</summary>
    /// <param name="value">The value.</param>
    /// <param name="folder">Folder of the file.</param>
    public WeightPlace? Matrix(string value, string folder) =>
        _constants.TryGetValue(value, out var tensor) && Place(tensor, folder) is { Rows: > 0 } place ? place : null;

    /// <summary>Location of a float matrix or vector in a file beside the graph; null if malformed, which ONNX Runtime reports.</summary>
    /// <param name="tensor">A constant.</param>
    /// <param name="folder">Folder of the file.</param>
    public static WeightPlace? Place(TensorProto tensor, string folder)
    {
        if (tensor is not { DataType: TensorProto.Types.DataType.Float, Dims.Count: 1 or 2 }
            || tensor.DataLocation != TensorProto.Types.DataLocation.External
            || tensor.Dims.Any(size => size is <= 0 or > int.MaxValue))
        {
            return null;
        }

        int rows = tensor.Dims.Count == 2 ? (int)tensor.Dims[0] : 0, columns = (int)tensor.Dims[^1];
        string file = Entry(tensor, "location");
        return file.Length > 0 && file.AsSpan().IndexOfAny('/', '\\', ':') < 0 && file is not ("." or "..")
            && long.TryParse(Entry(tensor, "offset"), NumberStyles.None, CultureInfo.InvariantCulture, out long offset)
            && long.TryParse(Entry(tensor, "length"), NumberStyles.None, CultureInfo.InvariantCulture, out long length)
            && new WeightPlace(tensor.Name, Path.Combine(folder, file), offset, rows, columns) is var place
            && length % sizeof(float) == 0
            && length / sizeof(float) == place.Length
                ? place
                : null;
    }

    /// <summary>Number of nodes and graph outputs that read a value.</summary>
    public int Readers(string value) => graph.Node.Count(node => node.Input.Contains(value)) + graph.Output.Count(output => output.Name == value);

    /// <summary>Splits a product scaled per row into the unscaled product and factors, [N]; otherwise the value and null.</summary>
    /// <param name="value">A value; it must have a single reader, which then applies the factors.</param>
    public (string Product, string? Factors) Unscaled(string value) => Readers(value) == 1 ? Scaled(value) : (value, null);

    /// <summary>The same for a value of any number of readers; all of them must apply the factors.</summary>
    public (string Product, string? Factors) Scaled(string value) =>
        Maker(value, "Mul") is { } scaled && Maker(scaled.Input[1], "Unsqueeze") is { } column ? (scaled.Input[0], column.Input[0]) : (value, null);

    /// <summary>Replaces a node in place by this program's operator with these inputs, outputs and attributes.</summary>
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

    /// <summary>Removes a node; another node must compute its outputs.</summary>
    public void Remove(NodeProto node) => graph.Node.Remove(node);

    /// <summary>Removes unread nodes, the nodes that only they read, and unread constants.</summary>
    public void RemoveUnread()
    {
        var read = graph.Output.Select(output => output.Name).ToHashSet();
        var kept = new List<NodeProto>();
        foreach (var node in graph.Node.Reverse())           // nodes are in execution order
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
