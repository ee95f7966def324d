using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Kernels;
using Rudder.Onnx;
using AttributeType = Rudder.Onnx.AttributeProto.Types.AttributeType;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Engine.Graphs;

/// <summary>A verified graph from a file: its metadata and its nodes, which may be changed before a session opens.</summary>
internal sealed class GraphFile
{
    private const string WeightsFolder = "session.model_external_initializers_file_folder_path";

    private readonly string _weights;                        // folder of the weight files
    private readonly PackedWeights _packed;
    private readonly bool _asWritten;

    private GraphFile(string path, string weights, ModelProto model, GraphShape shape, PackedWeights packed, bool asWritten)
    {
        (Path, _weights, Model, Shape, _packed, _asWritten) = (path, weights, model, shape, packed, asWritten);
    }

    /// <summary>Path of the file.</summary>
    public string Path { get; }

    /// <summary>The model. Its weights are in separate files.</summary>
    public ModelProto Model { get; }

    /// <summary>Shape from its metadata.</summary>
    public GraphShape Shape { get; }

    /// <summary>Reads and verifies a graph.</summary>
    /// <param name="folder">Folder of the graph.</param>
    /// <param name="name">Its file name.</param>
    /// <param name="precision">Its precision.</param>
    /// <exception cref="RequestFault">The graph is missing, damaged, or of another model or precision.</exception>
    public static GraphFile Read(GraphFolder folder, string name, GraphPrecision precision)
    {
        string path = System.IO.Path.Combine(folder.Path, name);
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(folder.ReadVerified(name));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw RequestFault.Unusable($"{path} cannot be read as an ONNX graph: {e.Message}", "", "Export the model again: trainer export.", e);
        }

        if ((Fault(model) ?? UnknownWeights(model, folder)) is { } fault)
        {
            throw RequestFault.Unusable($"{path} {fault}", "", "Export the model again: trainer export.");
        }

        var shape = GraphShape.Read(model, path);
        Check(shape, path, folder.Fingerprint, precision);
        return new GraphFile(path, FollowLinks(model, folder), model, shape, folder.Weights, folder.AsWritten);
    }

    /// <summary>Moves the node that computes an output into a graph of its own; this graph then ends at that node's input.</summary>
    /// <param name="output">The output.</param>
    /// <exception cref="RequestFault">No node computes it from one value of the graph and constants.</exception>
    public GraphFile TakeLast(string output)
    {
        var graph = Model.Graph;
        var node = graph.Node.SingleOrDefault(last => last.Output is [var name] && name == output);
        string[] read = node is null ? [] : [.. node.Input.Where(name => graph.Initializer.All(tensor => tensor.Name != name))];
        if (node is null || read is not [{ Length: > 0 } state] || graph.Output is not [var declared] || declared.Name != output)
        {
            throw RequestFault.Unusable($"{Path} does not end in a product that gives '{output}'", "", "Export the model again: trainer export.");
        }

        var value = new ValueInfoProto { Name = state, Type = declared.Type.Clone() };
        value.Type.TensorType.Shape = null;                  // computed at run time
        var last = new GraphProto { Name = output };
        last.Node.Add(node);
        last.Initializer.AddRange(graph.Initializer.Where(tensor => node.Input.Contains(tensor.Name)).Select(tensor => tensor.Clone()));
        last.Input.Add(value);
        last.Output.Add(declared);
        graph.Node.Remove(node);
        graph.Output[0] = value.Clone();
        var model = Model.Clone();
        model.Graph = last;
        return new GraphFile(Path, _weights, model, Shape, _packed, _asWritten);
    }

    /// <summary>Opens the graph in ONNX Runtime; on the processor, fused operators of this program replace groups of operators.</summary>
    /// <param name="threads">Compute threads; 0 means one per processor.</param>
    /// <param name="cuda">The device to run on; null for the processor.</param>
    /// <param name="attention">This program's attention, if the graph uses it; it must outlive the session.</param>
    /// <param name="adjust">Changes the session's settings, for example to profile it.</param>
    /// <exception cref="RequestFault">ONNX Runtime rejects the graph.</exception>
    public InferenceSession Start(int threads, CudaProvider? cuda = null, OperatorDomain? attention = null, Action<SessionOptions>? adjust = null)
    {
        using var options = GraphSession.Options(threads);
        adjust?.Invoke(options);
        IReadOnlyList<WeightPlace> values = [];
        bool ours = cuda is null && (attention is not null || !_asWritten);
        if (ours && Shape.Precision != GraphFiles.Name(GraphPrecision.Fp16))       // our operators take float32
        {
            FuseRows(threads);
            GraphFusion.RowOperators.AddTo(options);
            attention?.AddTo(options);
            values = _packed.AreReplaceable ? Overridable() : [];
        }

        cuda?.AddTo(options);
        options.AddSessionConfigEntry(WeightsFolder, _weights);
        var before = HugePages.LargeRanges();
        var session = Open(options, values);
        HugePages.Collapse(before);
        return session;
    }

    private InferenceSession Open(SessionOptions options, IReadOnlyList<WeightPlace> values)
    {
        try
        {
            return _packed.Open(Model.ToByteArray(), options, values);
        }
        catch (OnnxRuntimeException e)
        {
            throw RequestFault.Unusable($"ONNX Runtime cannot load {Path}: {e.Message}", inner: e);
        }
    }

    // An initializer that is also an input has a default value instead of a constant one: ONNX Runtime neither folds nor packs it.
    private List<WeightPlace> Overridable()
    {
        var values = new List<WeightPlace>();
        foreach (var tensor in Model.Graph.Initializer.Where(IsWeight))
        {
            var place = GraphNodes.Place(tensor, _weights) ?? throw RequestFault.Unusable(
                $"{Path} has the weight '{tensor.Name}' in the graph itself, so it cannot be replaced",
                "",
                "Load the model without ReplaceableWeights, or export it again: trainer export.");
            var shape = new TensorShapeProto();
            shape.Dim.AddRange(place.Shape.Select(size => new TensorShapeProto.Types.Dimension { DimValue = size }));
            var type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = tensor.DataType, Shape = shape } };
            Model.Graph.Input.Add(new ValueInfoProto { Name = tensor.Name, Type = type });
            values.Add(place);
        }

        return values;
    }

    private static bool IsWeight(TensorProto tensor) =>
        tensor.DataType == TensorProto.Types.DataType.Float && !tensor.Name.StartsWith(WeightNames.ConstantPrefix, StringComparison.Ordinal);

    // ONNX Runtime rejects weights behind a link that leaves the folder, as the links of a download cache do. Pass the target path instead.
    private static string FollowLinks(ModelProto model, GraphFolder folder)
    {
        string? place = null;
        foreach (var entry in model.Graph.Initializer.SelectMany(tensor => tensor.ExternalData).Where(entry => entry.Key == "location"))
        {
            string real = folder.RealPath(entry.Value), parent = System.IO.Path.GetDirectoryName(real)!;
            if (place is not null && place != parent)
            {
                throw RequestFault.Unusable(
                    $"the weight files of {folder.Path} are links into several folders",
                    "",
                    "Put them into one folder, or copy them beside the graphs.");
            }

            (place, entry.Value) = (parent, System.IO.Path.GetFileName(real));
        }

        return place ?? System.IO.Path.GetFullPath(folder.Path);
    }

    private void FuseRows(int threads)
    {
        try
        {
            GraphFusion.FuseRows(Model, _weights, _packed.Owner, threads);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            throw RequestFault.Unusable(
                $"{Path} has a node without the inputs or attributes that its operator needs",
                "",
                "Export the model again: trainer export.",
                e);
        }
    }

    // Checks the assumptions of graph fusion. This program's own operators trust their attributes, so files must not contain them. Fusion
    // does not inspect functions or graphs inside nodes, so files must not contain these either.
    private static string? Fault(ModelProto model)
    {
        if (model.Graph is null)
        {
            return "holds no graph";
        }

        if (model.Functions.Count > 0 || model.Graph.SparseInitializer.Count > 0 || model.Graph.Node.Any(node => node.Attribute.Any(attribute => !IsPlain(attribute))))
        {
            return "has functions, sparse tensors, or tensors or graphs inside its nodes, which this service does not read";
        }

        if (model.Graph.Node.FirstOrDefault(node => node.Domain.StartsWith(OperatorDomain.Name, StringComparison.Ordinal)) is { } own)
        {
            return $"has the operator {own.OpType} of this service's own, which no export writes";
        }

        if (GraphRules.Fault(model.Graph) is { } other)
        {
            return other;
        }

        string? twice = Repeated(model.MetadataProps.Select(entry => entry.Key))
            ?? Repeated(model.Graph.Initializer.Select(tensor => tensor.Name))
            ?? Repeated(model.Graph.Node.SelectMany(node => node.Output).Where(name => name.Length > 0));
        return twice is null ? null : $"has two values or entries of the name '{twice}'";
    }

    // Tensors inside nodes could refer to files that were never hashed.
    private static bool IsPlain(AttributeProto attribute) => attribute.Type is AttributeType.Float or AttributeType.Int or AttributeType.String or AttributeType.Ints;

    private static string? UnknownWeights(ModelProto model, GraphFolder folder)
    {
        var outside = model.Graph.Initializer.Where(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External || tensor.ExternalData.Count > 0);
        string? file = outside
            .SelectMany(tensor => tensor.ExternalData.Where(entry => entry.Key == "location").Select(entry => entry.Value).DefaultIfEmpty(""))
            .FirstOrDefault(name => !folder.HasWeights(name));
        return file is null ? null : $"has weights in '{file}', which is none of the weight files that {ExportReport.FileName} lists";
    }

    private static string? Repeated(IEnumerable<string> names)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return names.FirstOrDefault(name => !seen.Add(name));
    }

    private static void Check(GraphShape shape, string path, string fingerprint, GraphPrecision precision)
    {
        string wanted = GraphFiles.Name(precision);
        if (shape.Fingerprint != fingerprint)
        {
            throw RequestFault.Unusable(
                $"{path} is a graph of fingerprint {shape.Fingerprint}, not {fingerprint}",
                "",
                "Export the model again: trainer export.");
        }

        if (shape.Precision != wanted)
        {
            throw RequestFault.Unusable(
                $"{path} is a graph in {shape.Precision}",
                $"{wanted} was asked for",
                "Export the model again: trainer export.");
        }
    }
}
