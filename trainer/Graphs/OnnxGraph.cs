using System.Buffers.Binary;
using System.Globalization;
using System.Reflection;
using Google.Protobuf;
using Rudder.Onnx;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Trainer.Graphs;

/// <summary>Builds one ONNX graph: named inputs, nodes in topological order, inline constants, and weights in an external file.</summary>
/// <param name="name">Graph name; shown by viewers and in ONNX Runtime's messages.</param>
internal sealed class OnnxGraph(string name)
{
    /// <summary>Domain of ONNX Runtime's own operators (fused attention, layer normalization with residual, quantized products).</summary>
    public const string Microsoft = "com.microsoft";

    private const int IrVersion = 10;                   // ONNX 1.16; read by every ONNX Runtime from 1.18 on
    private const int OpsetVersion = 17;

    private readonly GraphProto _graph = new() { Name = name };
    private readonly HashSet<string> _initializers = new(StringComparer.Ordinal);
    private int _counter;

    /// <summary>Declares a graph input. A dimension is a number or a symbol such as <c>"batch_size"</c>.</summary>
    public string Input(string name, DataType type, params ReadOnlySpan<Dimension> shape)
    {
        _graph.Input.Add(Value(name, type, shape));
        return name;
    }

    /// <summary>Declares a graph output; a node must produce a value of that name.</summary>
    public void Output(string name, DataType type, params ReadOnlySpan<Dimension> shape) => _graph.Output.Add(Value(name, type, shape));

    /// <summary>Adds a node with one output and returns that output's name.</summary>
    /// <param name="operation">Operator name.</param>
    /// <param name="inputs">Names of the inputs; an empty string is an absent optional input.</param>
    /// <param name="attributes">(name, value) with a value of int, float, string or long[].</param>
    /// <param name="domain">Empty for standard operators.</param>
    /// <param name="output">Name of the output; null: a fresh one.</param>
    public string Node(string operation, string[] inputs, (string Name, object Value)[]? attributes = null, string domain = "", string? output = null)
    {
        output ??= Fresh(operation);
        Node(operation, inputs, [output], attributes, domain);
        return output;
    }

    /// <summary>Adds a node with the given outputs. An empty string omits an optional output.</summary>
    public void Node(string operation, string[] inputs, string[] outputs, (string Name, object Value)[]? attributes = null, string domain = "")
    {
        var node = new NodeProto { OpType = operation, Domain = domain, Name = $"{_graph.Node.Count:D4}_{operation}" };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        foreach ((string attribute, object value) in attributes ?? [])
        {
            node.Attribute.Add(Attribute(attribute, value));
        }

        _graph.Node.Add(node);
    }

    /// <summary>A one-dimensional int64 constant, kept in the graph itself so that shape inference sees it.</summary>
    public string Int64(params ReadOnlySpan<long> values) => Int64Constant(values, [values.Length]);

    /// <summary>An int64 constant without dimensions.</summary>
    public string Int64Scalar(long value) => Int64Constant([value], []);

    /// <summary>A float constant without dimensions.</summary>
    public string FloatScalar(float value)
    {
        byte[] raw = new byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(raw, value);
        return Constant($"float_{value.ToString("R", CultureInfo.InvariantCulture)}", DataType.Float, [], UnsafeByteOperations.UnsafeWrap(raw));
    }

    /// <summary>A uint8 constant without dimensions, e.g. a zero point.</summary>
    public string UnsignedByteScalar(byte value) => Constant($"uint8_{value}", DataType.Uint8, [], ByteString.CopyFrom(value));

    /// <summary>An int8 constant without dimensions.</summary>
    /// <param name="value">The value.</param>
    /// <param name="name">Its name: the same value may exist under several names.</param>
    public string SignedByteScalar(sbyte value, string name) => Constant(name, DataType.Int8, [], ByteString.CopyFrom((byte)value));

    /// <summary>References a weight in an external file. Any number of nodes may reference the same weight.</summary>
    public string Weight(ExternalTensor tensor)
    {
        if (_initializers.Add(tensor.Name))
        {
            var proto = new TensorProto
            {
                Name = tensor.Name,
                DataType = tensor.Type,
                DataLocation = TensorProto.Types.DataLocation.External,
            };
            proto.Dims.AddRange(tensor.Shape);
            proto.ExternalData.Add(Entry("location", tensor.File));
            proto.ExternalData.Add(Entry("offset", tensor.Offset.ToString(CultureInfo.InvariantCulture)));
            proto.ExternalData.Add(Entry("length", tensor.Length.ToString(CultureInfo.InvariantCulture)));
            _graph.Initializer.Add(proto);
        }

        return tensor.Name;
    }

    /// <summary>Writes the model file with the given metadata.</summary>
    public void Save(string path, IEnumerable<StringStringEntryProto> metadata)
    {
        var model = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "rudder",
            ProducerVersion = Assembly.GetExecutingAssembly().GetName().Version?.ToString(3) ?? "",
            Graph = _graph,
        };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = OpsetVersion });
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = Microsoft, Version = 1 });
        model.MetadataProps.AddRange(metadata);
        using FileStream stream = File.Create(path);
        model.WriteTo(stream);
        stream.Flush(flushToDisk: true);
    }

    private string Fresh(string operation) => $"{operation}_{_counter++}";

    private string Int64Constant(ReadOnlySpan<long> values, ReadOnlySpan<long> shape)
    {
        byte[] raw = new byte[values.Length * sizeof(long)];
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(raw.AsSpan(i * sizeof(long)), values[i]);
        }

        string key = $"int64{(shape.Length == 0 ? "" : "s")}_{string.Join('_', values.ToArray())}";
        return Constant(key, DataType.Int64, shape, UnsafeByteOperations.UnsafeWrap(raw));
    }

    private string Constant(string key, DataType type, ReadOnlySpan<long> shape, ByteString raw)
    {
        if (_initializers.Add(key))
        {
            var proto = new TensorProto { Name = key, DataType = type, RawData = raw };
            proto.Dims.AddRange(shape.ToArray());
            _graph.Initializer.Add(proto);
        }

        return key;
    }

    private static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case int number:
                attribute.I = number;
                attribute.Type = AttributeProto.Types.AttributeType.Int;
                break;
            case float number:
                attribute.F = number;
                attribute.Type = AttributeProto.Types.AttributeType.Float;
                break;
            case string text:
                attribute.S = ByteString.CopyFromUtf8(text);
                attribute.Type = AttributeProto.Types.AttributeType.String;
                break;
            case long[] numbers:
                attribute.Ints.AddRange(numbers);
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                break;
            default:
                throw new ArgumentException($"Attribute {name} is a {value.GetType().Name}; int, float, string and long[] are written.", nameof(value));
        }

        return attribute;
    }

    private static ValueInfoProto Value(string name, DataType type, ReadOnlySpan<Dimension> shape)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = type, Shape = new TensorShapeProto() };
        foreach (Dimension dimension in shape)
        {
            tensor.Shape.Dim.Add(dimension.Symbol is null
                ? new TensorShapeProto.Types.Dimension { DimValue = dimension.Size }
                : new TensorShapeProto.Types.Dimension { DimParam = dimension.Symbol });
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }

    private static StringStringEntryProto Entry(string key, string value) => new() { Key = key, Value = value };
}

/// <summary>One dimension of a graph input or output: a fixed size or a symbol.</summary>
/// <param name="Size">The size where <paramref name="Symbol"/> is null.</param>
/// <param name="Symbol">Name of a dimension that varies from call to call.</param>
internal readonly record struct Dimension(long Size, string? Symbol)
{
    /// <summary>A fixed size.</summary>
    public static implicit operator Dimension(int size) => new(size, null);

    /// <summary>A size that varies from call to call.</summary>
    public static implicit operator Dimension(string symbol) => new(0, symbol);
}
