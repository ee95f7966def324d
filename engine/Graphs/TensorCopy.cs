using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Onnx;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Engine.Graphs;

/// <summary>Copies tensors within a device's memory or into it, by a graph of Identity nodes that runs on bound values.</summary>
/// <remarks>
/// A graph has advantages over the device's own copy function: it works the same with each provider, needs no library besides the
/// runtime, is ordered with the other runs, and can be tested on the processor.
/// </remarks>
internal sealed class TensorCopy : IDisposable
{
    private const int IrVersion = 8;
    private const int Opset = 14;
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly string[] _sources;
    private readonly string[] _targets;

    /// <summary>Creates the graph.</summary>
    /// <param name="type">Element type.</param>
    /// <param name="shape">Shape of each tensor.</param>
    /// <param name="tensors">Number of tensors to copy in one run.</param>
    /// <param name="cuda">The device; null for the processor.</param>
    public TensorCopy(TensorElementType type, long[] shape, int tensors, CudaProvider? cuda)
    {
        _sources = [.. Enumerable.Range(0, tensors).Select(i => $"x{i}")];
        _targets = [.. Enumerable.Range(0, tensors).Select(i => $"y{i}")];
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,   // optimization would only remove the copies
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        cuda?.AddTo(options);
        _session = new InferenceSession(Model(type, shape), options);
    }

    /// <summary>Allocates memory through this graph's session; dispose it before this.</summary>
    public OrtAllocator Allocator(OrtMemoryInfo memory) => new(_session, memory);

    /// <summary>Copies; sources and targets must not overlap.</summary>
    /// <param name="source">Gets the source tensor with a given index; disposed here.</param>
    /// <param name="target">Gets the target tensor with a given index; disposed here.</param>
    public void Run(Func<int, OrtValue> source, Func<int, OrtValue> target)
    {
        using var binding = _session.CreateIoBinding();
        var bound = new List<OrtValue>(2 * _sources.Length); // some pin their memory, so all must live until the run ends
        try
        {
            for (int i = 0; i < _sources.Length; i++)
            {
                bound.Add(source(i));
                binding.BindInput(_sources[i], bound[^1]);
                bound.Add(target(i));
                binding.BindOutput(_targets[i], bound[^1]);
            }

            _session.RunWithBinding(_runOptions, binding);
        }
        finally
        {
            bound.ForEach(value => value.Dispose());
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _runOptions.Dispose();
        _session.Dispose();
    }

    private byte[] Model(TensorElementType type, long[] shape)
    {
        var graph = new GraphProto { Name = "copy" };
        foreach (var (source, target) in _sources.Zip(_targets))
        {
            var node = new NodeProto { OpType = "Identity" };
            node.Input.Add(source);
            node.Output.Add(target);
            graph.Node.Add(node);
            graph.Input.Add(Value(source, type, shape));
            graph.Output.Add(Value(target, type, shape));
        }

        var model = new ModelProto { IrVersion = IrVersion, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = Opset });
        return model.ToByteArray();
    }

    private static ValueInfoProto Value(string name, TensorElementType type, long[] shape)
    {
        // The enumeration uses ONNX's numbers.
        var tensor = new TypeProto.Types.Tensor { ElemType = (TensorProto.Types.DataType)type, Shape = new TensorShapeProto() };
        tensor.Shape.Dim.AddRange(shape.Select(size => new TensorShapeProto.Types.Dimension { DimValue = size }));
        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}
