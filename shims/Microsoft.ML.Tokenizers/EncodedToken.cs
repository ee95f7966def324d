namespace Microsoft.ML.Tokenizers;

/// <summary>One token of an encoded text.</summary>
public readonly struct EncodedToken(int id, string value, Range offset)
{
    /// <summary>The token's id.</summary>
    public int Id { get; } = id;

    /// <summary>The token in the vocabulary's spelling.</summary>
    public string Value { get; } = value;

    /// <summary>The characters of the text that it came from.</summary>
    public Range Offset { get; } = offset;
}
