namespace Microsoft.ML.Tokenizers;

/// <summary>What a <see cref="BpeTokenizer"/> is made of: the members of the genuine 2.0.0 type that this solution sets.</summary>
public sealed class BpeOptions
{
    /// <summary>Options over a vocabulary of token text (in byte-level spelling) and id.</summary>
    public BpeOptions(IEnumerable<KeyValuePair<string, int>> vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Vocabulary = vocabulary;
    }

    /// <summary>Token text and id.</summary>
    public IEnumerable<KeyValuePair<string, int>> Vocabulary { get; }

    /// <summary>Merges in order of rank, each "left right".</summary>
    public IEnumerable<string>? Merges { get; set; }

    /// <summary>Splits a text into the words inside which merges apply; required here.</summary>
    public PreTokenizer? PreTokenizer { get; set; }

    /// <summary>Whether tokens spell UTF-8 bytes in GPT-2's alphabet; only true is supported here.</summary>
    public bool ByteLevel { get; set; }
}
