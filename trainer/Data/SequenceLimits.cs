namespace Rudder.Trainer.Data;

/// <summary>Limits of prompt and completion that a model can score.</summary>
/// <param name="Vocabulary">Ids run from 0 to this, exclusive.</param>
/// <param name="MaxLength">Maximum tokens of prompt and completion together; at most the model's context.</param>
/// <param name="MaxPrompt">Maximum tokens of a prompt; below <paramref name="MaxLength"/>.</param>
/// <param name="Truncate">
/// False: a longer sequence is an error. True: a prompt is cut from the left, to <paramref name="MaxPrompt"/> tokens and until its longest
/// completion fits into <paramref name="MaxLength"/>; only where one token of the prompt is left are completions cut, from the right.
/// </param>
internal sealed record SequenceLimits(int Vocabulary, int MaxLength, int MaxPrompt, bool Truncate)
{
    /// <summary>Last tokens of a prompt that remain beside its longest completion.</summary>
    public int PromptTokens(int prompt, int longestCompletion) => Math.Min(prompt, Math.Clamp(MaxLength - longestCompletion, 1, MaxPrompt));
}
