namespace Rudder.Checkpoints;

/// <summary>The library that turns text into ids.</summary>
internal interface ITextEncoder
{
    /// <summary>The ids of a text, without special tokens around it.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="specialTokens">Whether special tokens in the text become their ids; otherwise they are plain text.</param>
    IReadOnlyList<int> Encode(string text, bool specialTokens);
}
