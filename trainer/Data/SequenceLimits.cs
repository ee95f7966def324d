namespace Rudder.Trainer.Data;

/// <summary>Limits of prompt and completion that a model can score.</summary>
/// <param name="Vocabulary">Ids run from 0 to this, exclusive.</param>
/// <param name="MaxLength">Maximum tokens of prompt and completion together; at most the model's context.</param>
/// <param name="MaxPrompt">Maximum tokens of a prompt; below <paramref name="MaxLength"/>.</param>
/// <param name="OverLength">What happens to longer ones.</param>
internal sealed record SequenceLimits(int Vocabulary, int MaxLength, int MaxPrompt, OverLength OverLength)
{
    /// <summary>How messages name the limits and the settings behind them.</summary>
    public LimitNames Names { get; init; } = new("max_length", "max_prompt", "Raise max_length and max_prompt", "over_length");

    /// <summary>The setting <c>over_length</c>.</summary>
    public static OverLength OverLengthOf(string setting) => setting switch
    {
        "truncate" => OverLength.Truncate,
        "truncate_prompt" => OverLength.TruncatePrompt,
        "truncate_completion" => OverLength.TruncateCompletion,
        _ => OverLength.Refuse,
    };

    /// <summary>
    /// Last tokens of a prompt that remain beside its longest completion: at least one, and never so many that no token of a completion fits.
    /// </summary>
    public int PromptTokens(int prompt, int longestCompletion) => OverLength == OverLength.TruncateCompletion
        ? prompt
        : Math.Min(prompt, Math.Clamp(MaxLength - longestCompletion, 1, MaxPrompt));

    /// <summary>Why a prompt cannot be used; null where it fits or may be cut to fit.</summary>
    /// <param name="prompt">Tokens of the prompt.</param>
    public string? Problem(int prompt) => prompt <= MaxPrompt || OverLength is OverLength.Truncate or OverLength.TruncatePrompt
        ? null
        : $"the prompt has {prompt} tokens; {Names.MaxPrompt} is {MaxPrompt}. {Names.Raise} (at most the model's context), "
            + $"or set {Names.OverLength} to \"truncate\" or \"truncate_prompt\"";

    /// <summary>Why a completion cannot be used after its prompt; null where it fits or may be cut to fit.</summary>
    /// <param name="prompt">Tokens of the prompt.</param>
    /// <param name="completion">Tokens of the completion.</param>
    /// <param name="name">Name of the completion in messages.</param>
    public string? Problem(int prompt, int completion, string name)
    {
        int fixedPrompt = OverLength == OverLength.TruncatePrompt ? 1 : prompt; // what must remain of the prompt
        return fixedPrompt + completion <= MaxLength || OverLength is OverLength.Truncate or OverLength.TruncateCompletion
            ? null
            : $"the prompt of {prompt} and the {name} of {completion} make {prompt + completion} tokens; {Names.MaxLength} is {MaxLength}"
                + (OverLength == OverLength.TruncatePrompt ? ", which the completion alone exceeds. " : ". ")
                + $"{Names.Raise} (at most the model's context), or set {Names.OverLength} to \"truncate\"";
    }
}

/// <summary>Names of limits in messages.</summary>
/// <param name="MaxLength">The limit of prompt and completion.</param>
/// <param name="MaxPrompt">The limit of a prompt.</param>
/// <param name="Raise">The advice to raise them.</param>
/// <param name="OverLength">The setting that allows cuts.</param>
internal sealed record LimitNames(string MaxLength, string MaxPrompt, string Raise, string OverLength);

/// <summary>What happens to a sequence beyond the limits.</summary>
internal enum OverLength
{
    /// <summary>It is an error.</summary>
    Refuse,

    /// <summary>
    /// The prompt is cut from the left until its longest completion fits; where one token of it is left, completions are cut from the right.
    /// </summary>
    Truncate,

    /// <summary>The prompt is cut from the left. A completion that does not fit beside one token is an error.</summary>
    TruncatePrompt,

    /// <summary>Completions are cut from the right. A prompt that leaves no room for a token of them is an error.</summary>
    TruncateCompletion,
}
