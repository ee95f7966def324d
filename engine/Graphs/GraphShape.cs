using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Checkpoints;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>Shape of a graph, from its metadata and the types of its inputs and outputs.</summary>
internal sealed record GraphShape : GraphMetadata
{
    private const int FewestTokens = 2;                      // one prompt token and one drawn token

    /// <summary>The shape of a graph with these metadata.</summary>
    public GraphShape(GraphMetadata metadata)
        : base(metadata)
    {
    }

    /// <summary>Element type of the key-value cache: Float, Float16 or BFloat16. Default Float, also for a graph without a cache.</summary>
    public TensorElementType CacheType { get; init; } = TensorElementType.Float;

    /// <summary>Element type of the logits: Float or Float16. Default Float.</summary>
    public TensorElementType LogitsType { get; init; } = TensorElementType.Float;

    /// <summary>Bytes of one number in the cache.</summary>
    public int CacheElementBytes => CacheType == TensorElementType.Float ? sizeof(float) : sizeof(ushort);

    /// <summary>Bytes of key-value cache per token of one sequence.</summary>
    /// <exception cref="OverflowException">The number of bytes exceeds a long.</exception>
    public long CacheBytesPerToken => checked(2L * Layers * KeyValueHeads * HeadSize * CacheElementBytes);

    /// <summary>Maximum tokens of prompt and completion together: the configured limit, or the context if none is configured.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="modelFolder">Model folder, for messages.</param>
    /// <exception cref="RequestFault">The limit is above the context, or leaves no room for a prompt and a drawn token.</exception>
    public int TokensPerSequence(EngineOptions options, string modelFolder)
    {
        if (options.MaxTokens > Context)
        {
            throw RequestFault.Unusable(
                $"MaxTokens is {options.MaxTokens}",
                $"{modelFolder} was trained for {Context} positions",
                "Set it to at most that, or to 0.");
        }

        int tokens = options.MaxTokens > 0 ? options.MaxTokens : Context;
        return tokens >= FewestTokens
            ? tokens
            : throw RequestFault.Unusable(
                $"MaxTokens is {options.MaxTokens} and the context of {modelFolder} {Context}; a sequence needs room for {FewestTokens} tokens, one of the prompt and one drawn. "
                + "Set MaxTokens to 0 or at least 2, or load a model with a longer context.");
    }

    /// <summary>Reads the metadata.</summary>
    /// <exception cref="CheckpointException">An entry is missing or is not a number.</exception>
    public static GraphShape Read(ModelProto model, string path) =>
        new(Read(model.MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value), path))
        {
            CacheType = TypeOf(model.Graph.Input, "past_key_values.0.key"),
            LogitsType = TypeOf(model.Graph.Output, "logits"),
        };

    private static TensorElementType TypeOf(IEnumerable<ValueInfoProto> values, string name) =>
        values.FirstOrDefault(value => value.Name == name)?.Type?.TensorType?.ElemType == TensorProto.Types.DataType.Float16
            ? TensorElementType.Float16
            : TensorElementType.Float;
}
