using System.Globalization;
using Rudder.Onnx;

namespace Rudder.Checkpoints;

/// <summary>The ONNX metadata of an exported graph.</summary>
/// <param name="Fingerprint">Fingerprint of the exported model folder.</param>
/// <param name="Precision"><c>fp32</c>, <c>int8</c> or <c>fp16</c>.</param>
/// <param name="Layers">Transformer blocks.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="HeadSize">Width of one head.</param>
/// <param name="Vocabulary">Number of token ids.</param>
/// <param name="Context">The longest sequence, tokens.</param>
public record GraphMetadata(string Fingerprint, string Precision, int Layers, int Heads, int HeadSize, int Vocabulary, int Context)
{
    private const string Prefix = "rudder.";

    /// <summary>Heads of keys and values in the cache. Default: as many as <see cref="Heads"/>.</summary>
    public int KeyValueHeads { get; init; } = Heads;

    /// <summary>Width of the hidden states. Default: <see cref="Heads"/> × <see cref="HeadSize"/>.</summary>
    public int Width { get; init; } = (int)Math.Min(int.MaxValue, (long)Heads * HeadSize);

    /// <summary>The metadata of a graph of a model.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="fingerprint">The model's fingerprint.</param>
    /// <param name="precision">The graph's precision.</param>
    public static GraphMetadata Of(ModelConfig config, string fingerprint, GraphPrecision precision)
    {
        ArgumentNullException.ThrowIfNull(config);
        return new GraphMetadata(
            fingerprint, GraphFiles.Name(precision), config.Layers, config.Heads, config.HeadSize, config.VocabularySize, config.Context)
        {
            KeyValueHeads = config.KeyValueHeads,
            Width = config.HiddenSize,
        };
    }

    /// <summary>Reads the metadata of a graph.</summary>
    /// <param name="entries">All metadata of the graph, by key. Unknown keys are ignored.</param>
    /// <param name="path">The graph's file, for messages.</param>
    /// <exception cref="CheckpointException">An entry is missing or is not a positive number.</exception>
    public static GraphMetadata Read(IReadOnlyDictionary<string, string> entries, string path)
    {
        ArgumentNullException.ThrowIfNull(entries);
        string Text(string key) => entries.TryGetValue(Prefix + key, out string? value)
            ? value
            : throw new CheckpointException($"{path} has no metadata '{Prefix}{key}'. Export the model with this project's trainer: trainer export.");
        int Number(string key) => int.TryParse(Text(key), NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0
            ? value
            : throw new CheckpointException($"{path}: metadata '{Prefix}{key}' is '{Text(key)}'; it must be a positive number. Export the model again: trainer export.");
        int NumberOr(string key, int absent) => entries.ContainsKey(Prefix + key) ? Number(key) : absent;
        var read = new GraphMetadata(Text("fingerprint"), Text("precision"), Number("layers"), Number("heads"), Number("head_size"), Number("vocabulary"), Number("context"));
        return read with { KeyValueHeads = NumberOr("kv_heads", read.KeyValueHeads), Width = NumberOr("width", read.Width) };
    }

    /// <summary>The metadata as entries of a graph.</summary>
    public IEnumerable<StringStringEntryProto> Entries()
    {
        static StringStringEntryProto Entry(string key, object value) =>
            new() { Key = Prefix + key, Value = string.Create(CultureInfo.InvariantCulture, $"{value}") };
        yield return Entry("fingerprint", Fingerprint);
        yield return Entry("precision", Precision);
        yield return Entry("layers", Layers);
        yield return Entry("heads", Heads);
        yield return Entry("head_size", HeadSize);
        yield return Entry("kv_heads", KeyValueHeads);
        yield return Entry("width", Width);
        yield return Entry("vocabulary", Vocabulary);
        yield return Entry("context", Context);
    }
}
