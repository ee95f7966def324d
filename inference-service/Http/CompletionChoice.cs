namespace Rudder.InferenceService.Http;

/// <summary>One completion, or a piece of one, as a reply carries it.</summary>
/// <param name="Index">Place of the prompt × n + sample index.</param>
/// <param name="Text">Its text.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>; null while it goes on.</param>
/// <param name="LogProbs">Its tokens' log-probs; null where they were not asked for.</param>
internal sealed record CompletionChoice(int Index, string Text, string? FinishReason, TokenLogProbs? LogProbs);

/// <summary>Tokens with their log-probs.</summary>
/// <param name="hasTop">Whether the most probable tokens at each place are told too.</param>
internal sealed class TokenLogProbs(bool hasTop)
{
    /// <summary>The tokens as text.</summary>
    public List<string> Tokens { get; } = [];

    /// <summary>log p of each under the raw distribution, nats; null for the first token of a prompt, which nothing predicts.</summary>
    public List<float?> Values { get; } = [];

    /// <summary>Where each begins in the text, in Unicode code points, before a stop string is cut off.</summary>
    public List<int> Offsets { get; } = [];

    /// <summary>The most probable tokens at each place, as <see cref="TopTexts"/> gives them; null where none were asked for.</summary>
    /// <remarks>An entry is null for the first token of a prompt.</remarks>
    public List<IReadOnlyList<KeyValuePair<string, float>>?>? Top { get; } = hasTop ? [] : null;

    /// <summary>Adds a token.</summary>
    public void Add(string token, float? logProb, int offset, IReadOnlyList<KeyValuePair<string, float>>? top = null)
    {
        Tokens.Add(token);
        Values.Add(logProb);
        Offsets.Add(offset);
        Top?.Add(top);
    }
}
