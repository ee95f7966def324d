namespace Rudder.Checkpoints;

/// <summary>A token that is matched as a whole, before the text is split.</summary>
/// <param name="Content">Its text.</param>
/// <param name="Id">Its id.</param>
/// <param name="Special">Whether decoding skips it.</param>
/// <param name="StripLeft">Whether it absorbs white space before it.</param>
/// <param name="StripRight">Whether it absorbs white space after it.</param>
internal sealed record AddedToken(string Content, int Id, bool Special = true, bool StripLeft = false, bool StripRight = false);

/// <summary>The definition of a byte-level BPE tokenizer, from either file format.</summary>
internal sealed record TokenizerParts
{
    /// <summary>The file it came from, for messages.</summary>
    public required string File { get; init; }

    /// <summary>Maps tokens, spelled in the byte alphabet, to ids.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>"left right", lowest rank first.</summary>
    public required IReadOnlyList<string> Merges { get; init; }

    /// <summary>Tokens matched as a whole.</summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>Whether a text that does not start with white space gets a leading space.</summary>
    public bool AddPrefixSpace { get; init; }
}
