namespace Rudder.Checkpoints;

/// <summary>A token that is matched in text as a whole, before any splitting.</summary>
/// <param name="Content">Its text.</param>
/// <param name="Id">Its id.</param>
/// <param name="Special">Whether decoding leaves it out.</param>
/// <param name="StripLeft">Whether it swallows white space before it.</param>
/// <param name="StripRight">Whether it swallows white space after it.</param>
internal sealed record AddedToken(string Content, int Id, bool Special = true, bool StripLeft = false, bool StripRight = false);

/// <summary>Everything that defines a byte-level BPE tokenizer, whatever files it came from.</summary>
internal sealed record TokenizerParts
{
    /// <summary>The file it came from, for messages.</summary>
    public required string File { get; init; }

    /// <summary>Token in the byte alphabet's spelling -> id.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>"left right", lowest rank first.</summary>
    public required IReadOnlyList<string> Merges { get; init; }

    /// <summary>Tokens matched as a whole.</summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>Whether a text that does not begin with white space gets a blank in front.</summary>
    public bool AddPrefixSpace { get; init; }
}
