namespace Rudder.Engine;

/// <summary>Properties of a loaded model.</summary>
/// <param name="Name">Name that requests use.</param>
/// <param name="Source">The folder, engine and precision it was loaded with.</param>
/// <param name="Fingerprint">SHA-256 over weights, config and tokenizer, hex.</param>
/// <param name="Vocabulary">Number of token ids.</param>
/// <param name="Context">Maximum tokens of prompt and completion together; for a classifier, of one window with special tokens.</param>
public sealed record ModelDescription(string Name, ModelSource Source, string Fingerprint, int Vocabulary, int Context)
{
    /// <summary>True for a generator, which generates and scores; false for a classifier.</summary>
    public bool Generates => Labels.Count == 0;

    /// <summary>Whether the model has a tokenizer and accepts text; otherwise it accepts only ids.</summary>
    public bool HasTokenizer => TokenizerLibrary is not null;

    /// <summary>The library that encodes texts, and why it was chosen; null without a tokenizer.</summary>
    public string? TokenizerLibrary { get; init; }

    /// <summary>Sequences decoded together; 0 for a classifier.</summary>
    public int Slots { get; init; }

    /// <summary>End-of-text id; null if the config has none.</summary>
    public int? EosId { get; init; }

    /// <summary>Further ids that end a completion, such as the end of a turn in a chat model; empty for most models.</summary>
    public IReadOnlyList<int> OtherEosIds { get; init; } = [];

    /// <summary>
    /// Version of the weights: 0 as loaded, then one more with each <c>EngineHost.ReplaceWeightsAsync</c>. The fingerprint stays that
    /// of the folder.
    /// </summary>
    public long WeightsVersion { get; init; }

    /// <summary>Labels in the order of a classification's probabilities; empty for a generator.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];
}
