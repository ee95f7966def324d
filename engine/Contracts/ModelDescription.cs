namespace Rudder.Engine;

/// <summary>A loaded model and what it can do.</summary>
/// <param name="Name">Name that requests use.</param>
/// <param name="Source">The folder, engine and precision it was loaded with.</param>
/// <param name="Fingerprint">SHA-256 over weights, config and tokenizer, hex.</param>
/// <param name="Vocabulary">Number of token ids.</param>
/// <param name="Context">Tokens of prompt and completion together; for a classifier, tokens of one window with its special tokens.</param>
public sealed record ModelDescription(string Name, ModelSource Source, string Fingerprint, int Vocabulary, int Context)
{
    /// <summary>Whether it generates and scores; otherwise it classifies.</summary>
    public bool Generates => Labels.Count == 0;

    /// <summary>Whether it takes and gives text; otherwise only ids.</summary>
    public bool HasTokenizer { get; init; }

    /// <summary>Sequences decoded together; 0 for a classifier.</summary>
    public int Slots { get; init; }

    /// <summary>End-of-text id; null where the config names none.</summary>
    public int? EosId { get; init; }

    /// <summary>Labels in the order of a classification's probabilities; empty for a generator.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];
}
