namespace Microsoft.ML.Tokenizers;

/// <summary>Splits a text into words before merging.</summary>
public abstract class PreTokenizer
{
    /// <summary>The words of a text as offsets and lengths in it.</summary>
    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(string text);

    /// <summary>The words of a text as offsets and lengths in it.</summary>
    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text);
}
