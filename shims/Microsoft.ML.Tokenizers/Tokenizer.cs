namespace Microsoft.ML.Tokenizers;

/// <summary>Text to token ids and back.</summary>
public abstract class Tokenizer
{
    /// <summary>For derived tokenizers.</summary>
    protected Tokenizer()
    {
    }

    /// <summary>The splitter in use.</summary>
    public virtual PreTokenizer? PreTokenizer => null;

    /// <summary>The ids of a text.</summary>
    public IReadOnlyList<int> EncodeToIds(string text, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3);
        EncodeIds(text, considerPreTokenization, ids);
        return ids;
    }

    /// <summary>The tokens of a text. There is no normalization here: <paramref name="normalizedText"/> is always null.</summary>
    public IReadOnlyList<EncodedToken> EncodeToTokens(
        string text, out string? normalizedText, bool considerPreTokenization = true, bool considerNormalization = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        normalizedText = null;
        return EncodeTokens(text, considerPreTokenization);
    }

    /// <summary>How many ids a text takes.</summary>
    public int CountTokens(string text, bool considerPreTokenization = true, bool considerNormalization = true) =>
        EncodeToIds(text, considerPreTokenization, considerNormalization).Count;

    /// <summary>The text of ids.</summary>
    public virtual string? Decode(IEnumerable<int> ids) => throw new NotSupportedException();

    private protected abstract void EncodeIds(string text, bool split, List<int> ids);

    private protected abstract List<EncodedToken> EncodeTokens(string text, bool split);
}
