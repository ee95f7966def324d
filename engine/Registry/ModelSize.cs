using System.Globalization;
using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Registry;

/// <summary>The memory that a model will take, computed from its files and limits before it is loaded.</summary>
/// <remarks>
/// The sessions of a model share its weights (docs/adr/0002-slot-engine.md). A weight counts once for the products that read it in panels,
/// and once for all other operators. Where ONNX Runtime multiplies, each session packs its own copy, so a weight counts for every graph
/// that uses it. The intermediate values of a step are not counted; they are small in comparison.
/// </remarks>
/// <param name="Graphs">Graphs and their external weights, bytes.</param>
/// <param name="Cache">Key-value cache, bytes.</param>
/// <param name="Logits">Logits of decoding and scoring, bytes.</param>
internal sealed record ModelSize(long Graphs, long Cache, long Logits)
{
    private const string ExportAgain = "Export the model again: trainer export.";

    /// <summary>The sum, bytes.</summary>
    public long Total => Graphs + Cache + Logits;

    /// <summary>The size of a model under its limits.</summary>
    /// <param name="source">Folder, engine and precision.</param>
    /// <param name="config">The folder's config.</param>
    /// <param name="limits">Slots, tokens and the scorer's bounds.</param>
    /// <exception cref="RequestFault">A graph is damaged or hides the size of its weights, or the sum overflows.</exception>
    public static ModelSize Of(ModelSource source, ModelConfig config, EngineOptions limits)
    {
        try
        {
            if (config.IsClassifier)
            {
                return new ModelSize(BytesOf(source.Folder, isShared: false, GraphFiles.Model(source.Precision)), 0, 0);
            }

            long slots = source.Engine == EngineKind.GenAi ? Math.Min(limits.MaxSlots, GenAiEngine.MaxBatch) : limits.MaxSlots;
            long tokens = limits.MaxTokens > 0 ? limits.MaxTokens : config.Context;
            long row = checked((long)config.VocabularySize * sizeof(float));
            bool isShared = source.Engine == EngineKind.Slots && limits.Device == GraphDevice.Cpu && PanelProduct.IsSupported;
            long graphs = BytesOf(source.Folder, isShared, GraphFiles.Model(source.Precision), GraphFiles.LogProbs);
            long cache = checked(slots * tokens * config.Layers * 2 * config.KeyValueHeads * config.HeadSize * CacheElementBytes(source));
            long scoring = Math.Min(limits.MaxScoringBytes, checked(limits.MaxScoringTokens * row));
            long logits = checked((slots * row) + scoring);
            _ = checked(graphs + cache + logits);            // Total must not overflow either
            return new ModelSize(graphs, cache, logits);
        }
        catch (OverflowException e)
        {
            throw RequestFault.Unusable(
                $"{source.Folder}: {limits.MaxSlots} slots of this model need more memory than can be counted",
                "",
                "Lower MaxSlots or MaxTokens.",
                e);
        }
    }

    // Graphs and their external weights, as the graphs state them; missing graphs count 0.
    private static long BytesOf(string folder, bool isShared, params ReadOnlySpan<string> graphs)
    {
        long sum = 0;
        var counted = new HashSet<(string Graph, string File, long Offset, long Length, bool IsMatrix)>();
        foreach (string file in graphs)
        {
            string path = Path.Combine(folder, GraphFiles.Folder, file);
            if (!File.Exists(path))
            {
                continue;
            }

            byte[] content = GraphFiles.Read(path);
            var graph = Parse(content, path);
            sum = checked(sum + content.Length);
            foreach (var (tensor, isMatrix) in External(graph))
            {
                var (place, offset, length) = Place(tensor, path);
                if (counted.Add((isShared ? "" : file, place, offset, length, isMatrix)))
                {
                    sum = checked(sum + length);
                }
            }
        }

        return sum;
    }

    private static GraphProto Parse(byte[] content, string path)
    {
        try
        {
            return ModelProto.Parser.ParseFrom(content).Graph ?? new GraphProto();
        }
        catch (InvalidProtocolBufferException e)
        {
            throw RequestFault.Unusable($"{path} cannot be read as an ONNX graph: {e.Message}", "", ExportAgain, e);
        }
    }

    // The external tensors, once for products that pack them as a matrix and once for other operators, or for no operator.
    private static IEnumerable<(TensorProto Tensor, bool IsMatrix)> External(GraphProto graph)
    {
        foreach (var tensor in graph.Initializer.Where(
            tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External || tensor.ExternalData.Count > 0))
        {
            bool IsProduct(NodeProto node) => node.OpType is "MatMul" or "Gemm" or "FusedMatMul" && node.Input.IndexOf(tensor.Name) == 1;
            var readers = graph.Node.Where(node => node.Input.Contains(tensor.Name)).ToLookup(IsProduct);
            if (readers[true].Any())
            {
                yield return (tensor, true);
            }

            if (readers[false].Any() || !readers[true].Any())
            {
                yield return (tensor, false);
            }
        }
    }

    // ONNX Runtime derives missing values from the tensor's shape, which this sum would miss.
    private static (string File, long Offset, long Length) Place(TensorProto tensor, string file)
    {
        string? Only(string key) => tensor.ExternalData.Where(entry => entry.Key == key).ToArray() is [var entry] ? entry.Value : null;
        return Only("location") is { } place && IsNumber(Only("offset"), out long offset) && IsNumber(Only("length"), out long length)
            ? (place, offset, length)
            : throw RequestFault.Unusable($"{file} has external weights that do not name one location, offset and length each", "", ExportAgain);
    }

    private static bool IsNumber(string? text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    /// <summary>Bytes of one number in the key-value cache.</summary>
    /// <param name="source">The model. Fp16 models, and int8 models on the slots engine, keep 16 bits; all others keep 32.</param>
    public static int CacheElementBytes(ModelSource source) =>
        source.Precision == GraphPrecision.Fp16 || source is { Precision: GraphPrecision.Int8, Engine: EngineKind.Slots } ? sizeof(ushort) : sizeof(float);

    /// <summary>Refuses a model that is larger than the limit, or than the free memory if the settings name no limit.</summary>
    /// <param name="folder">For the message.</param>
    /// <param name="maxBytes">The limit; 0 means the free memory.</param>
    /// <param name="freeBytes">The free memory.</param>
    /// <exception cref="RequestFault">It is too large. The message names size, limit and remedy.</exception>
    public void RequireWithin(string folder, long maxBytes, long freeBytes)
    {
        bool isSet = maxBytes > 0;
        long limit = isSet ? maxBytes : freeBytes;
        if (Total <= limit)
        {
            return;
        }

        string source = isSet ? nameof(EngineOptions.MaxModelMegabytes) : "the memory that is free; MaxModelMegabytes is 0";
        string remedy = isSet ? "or raise the limit" : "or free memory: unload a model";
        throw RequestFault.Unusable(string.Create(
            CultureInfo.InvariantCulture,
            $"{folder} needs {Total:N0} bytes (weights {Graphs:N0}, key-value cache {Cache:N0}, logits {Logits:N0}); "
            + $"the limit is {limit:N0} ({source}). Lower MaxSlots or MaxTokens, {remedy}."));
    }
}
