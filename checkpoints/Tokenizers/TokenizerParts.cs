using System.Text.Json.Nodes;

namespace Rudder.Checkpoints;

/// <summary>A token that is matched as a whole, before the text is split.</summary>
/// <param name="Content">Its text.</param>
/// <param name="Id">Its id.</param>
/// <param name="Special">Whether decoding skips it.</param>
/// <param name="StripLeft">Whether it absorbs white space before it.</param>
/// <param name="StripRight">Whether it absorbs white space after it.</param>
/// <param name="SingleWord">Whether it is matched only where no letter or digit adjoins it.</param>
/// <param name="Normalized">Whether it is matched after the normalizer.</param>
internal sealed record AddedToken(
    string Content,
    int Id,
    bool Special = true,
    bool StripLeft = false,
    bool StripRight = false,
    bool SingleWord = false,
    bool Normalized = false);

/// <summary>The definition of a tokenizer, from either file format.</summary>
internal sealed record TokenizerParts
{
    /// <summary>The file it came from, for messages.</summary>
    public required string File { get; init; }

    /// <summary>Maps tokens as the model spells them to ids.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>"left right", lowest rank first; empty where <see cref="Json"/> is set.</summary>
    public required IReadOnlyList<string> Merges { get; init; }

    /// <summary>Tokens matched as a whole.</summary>
    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>Whether a text that does not start with white space gets a leading space.</summary>
    public bool AddPrefixSpace { get; init; }

    /// <summary>What tells it from GPT-2's and RoBERTa's tokenizers; null if nothing does.</summary>
    public string? Difference { get; init; }

    /// <summary>The whole of tokenizer.json, where <see cref="Difference"/> is set.</summary>
    public JsonObject? Json { get; init; }

    /// <summary>How tokens become text; null if only Hugging Face's library knows.</summary>
    public TokenSpelling? Spelling { get; init; } = TokenSpelling.ByteLevel;

    /// <summary>The special tokens that the folder wants around a text.</summary>
    public SpecialTokenFrame Frame { get; init; } = SpecialTokenFrame.None;
}
