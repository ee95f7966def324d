using System.Globalization;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>What a graph says about itself in its metadata.</summary>
/// <param name="Fingerprint">Of the model it was exported from.</param>
/// <param name="Precision">fp32, int8 or fp16.</param>
/// <param name="Layers">Transformer blocks.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="HeadSize">Width of one head.</param>
/// <param name="Vocabulary">Token ids.</param>
/// <param name="Context">Tokens at most.</param>
internal sealed record GraphShape(string Fingerprint, string Precision, int Layers, int Heads, int HeadSize, int Vocabulary, int Context)
{
    private const int FewestTokens = 2;                      // a prompt of one and one drawn

    /// <summary>Element type of the key-value cache: Float, Float16, or BFloat16. Default Float, also for a graph that has no cache.</summary>
    public TensorElementType CacheType { get; init; } = TensorElementType.Float;

    /// <summary>Element type of the logits: Float or Float16. Default Float.</summary>
    public TensorElementType LogitsType { get; init; } = TensorElementType.Float;

    /// <summary>Bytes of one number of the cache.</summary>
    public int CacheElementBytes => CacheType == TensorElementType.Float ? sizeof(float) : sizeof(ushort);

    /// <summary>Bytes of key-value cache per token of one sequence.</summary>
    /// <exception cref="OverflowException">More than can be counted.</exception>
    public long CacheBytesPerToken => checked(2L * Layers * Heads * HeadSize * CacheElementBytes);

    /// <summary>Tokens of prompt and completion together: the limit of the settings, or the context where they name none.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="modelFolder">For messages.</param>
    /// <exception cref="RequestFault">The limit is above the context, or leaves no room for a prompt and a drawn token.</exception>
    public int TokensPerSequence(EngineOptions options, string modelFolder)
    {
        if (options.MaxTokens > Context)
        {
            throw RequestFault.Unusable($"MaxTokens is {options.MaxTokens}; {modelFolder} was trained for {Context} positions. Set it to at most that, or to 0.");
        }

        int tokens = options.MaxTokens > 0 ? options.MaxTokens : Context;
        return tokens >= FewestTokens
            ? tokens
            : throw RequestFault.Unusable(
                $"MaxTokens is {options.MaxTokens} and the context of {modelFolder} {Context}; a sequence needs room for {FewestTokens} tokens, one of the prompt and one drawn. "
                + "Set MaxTokens to 0 or at least 2, or load a model with a longer context.");
    }

    /// <summary>Reads the metadata.</summary>
    /// <exception cref="RequestFault">An entry is missing or no number.</exception>
    public static GraphShape Read(ModelProto model, string path)
    {
        var metadata = model.MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value);
        string Text(string key) => metadata.TryGetValue($"rudder.{key}", out string? value)
            ? value
            : throw RequestFault.Unusable($"{path} has no metadata 'rudder.{key}'. Export it with this project's trainer.");
        int Number(string key) => int.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0
            ? value
            : throw RequestFault.Unusable($"{path}: metadata 'rudder.{key}' is '{Text(key)}', not a positive number. Export the model again: trainer export.");
        return new GraphShape(Text("fingerprint"), Text("precision"), Number("layers"), Number("heads"), Number("head_size"), Number("vocabulary"), Number("context"))
        {
            CacheType = TypeOf(model.Graph.Input, "past_key_values.0.key"),
            LogitsType = TypeOf(model.Graph.Output, "logits"),
        };
    }

    private static TensorElementType TypeOf(IEnumerable<ValueInfoProto> values, string name) =>
        values.FirstOrDefault(value => value.Name == name)?.Type?.TensorType?.ElemType == TensorProto.Types.DataType.Float16
            ? TensorElementType.Float16
            : TensorElementType.Float;
}
