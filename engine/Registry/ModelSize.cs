using System.Globalization;
using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Onnx;

namespace Rudder.Engine.Registry;

/// <summary>The memory a model will take, added up from its files and its limits before anything of it is loaded.</summary>
/// <remarks>
/// Each session packs its own copy of the weights (docs/adr/0002-slot-engine.md), so a weight counts once for every graph that names
/// it. What a step's intermediates take comes on top, and is small beside these.
/// </remarks>
/// <param name="Graphs">Graphs and their external weights, bytes.</param>
/// <param name="Cache">Key-value cache, bytes.</param>
/// <param name="Logits">Logits of decoding and scoring, bytes.</param>
internal sealed record ModelSize(long Graphs, long Cache, long Logits)
{
    private const string ExportAgain = "Export the model again: trainer export.";

    /// <summary>All of it, bytes.</summary>
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
                return new ModelSize(BytesOf(source.Folder, GraphFiles.Model(source.Precision)), 0, 0);
            }

            long slots = source.Engine == EngineKind.GenAi ? Math.Min(limits.MaxSlots, GenAiEngine.MaxBatch) : limits.MaxSlots;
            long tokens = limits.MaxTokens > 0 ? limits.MaxTokens : config.Context;
            long row = checked((long)config.VocabularySize * sizeof(float));
            long graphs = checked(
                BytesOf(source.Folder, GraphFiles.Model(source.Precision)) + BytesOf(source.Folder, GraphFiles.LogProbs));
            long cache = checked(slots * tokens * config.Layers * 2 * config.HiddenSize * CacheElementBytes(source));
            long scoring = Math.Min(limits.MaxScoringBytes, checked(limits.MaxScoringTokens * row));
            long logits = checked((slots * row) + scoring);
            _ = checked(graphs + cache + logits);            // Total must be countable too
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

    // A graph and its external weights, as the graph states them; 0 if the graph is missing.
    private static long BytesOf(string folder, string graph)
    {
        string file = Path.Combine(folder, GraphFiles.Folder, graph);
        if (!File.Exists(file))
        {
            return 0;
        }

        byte[] content = GraphFiles.Read(file);
        try
        {
            var outside = ModelProto.Parser.ParseFrom(content).Graph?.Initializer.Where(
                tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External || tensor.ExternalData.Count > 0) ?? [];
            return outside.Aggregate((long)content.Length, (sum, tensor) => checked(sum + BytesOf(tensor, file)));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw RequestFault.Unusable($"{file} cannot be read as an ONNX graph: {e.Message}", "", ExportAgain, e);
        }
    }

    // ONNX Runtime derives what is left out from the tensor's shape; the sum would miss it.
    private static long BytesOf(TensorProto tensor, string file)
    {
        string? Only(string key) => tensor.ExternalData.Where(entry => entry.Key == key).ToArray() is [var entry] ? entry.Value : null;
        return Only("location") is not null && IsNumber(Only("offset"), out _) && IsNumber(Only("length"), out long length)
            ? length
            : throw RequestFault.Unusable($"{file} has external weights that do not name one location, offset and length each", "", ExportAgain);
    }

    private static bool IsNumber(string? text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    /// <summary>Bytes of one number of a key-value cache.</summary>
    /// <param name="source">The model: 16 bits are enough beside products in 16 or 8 bits; GenAI keeps 32 beside those in 8.</param>
    public static int CacheElementBytes(ModelSource source) =>
        source.Precision == GraphPrecision.Fp16 || source is { Precision: GraphPrecision.Int8, Engine: EngineKind.Slots } ? sizeof(ushort) : sizeof(float);

    /// <summary>Refuses a model that is larger than the limit, or than the memory that is free where the settings name no limit.</summary>
    /// <param name="folder">For the message.</param>
    /// <param name="maxBytes">The limit; 0: what is free.</param>
    /// <param name="freeBytes">What is free.</param>
    /// <exception cref="RequestFault">It is too large; names size, limit and remedy.</exception>
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
