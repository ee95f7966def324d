using Rudder.Engine.Sampling;

namespace Rudder.Engine;

/// <summary>Prompts that were asked for together.</summary>
/// <param name="Prompts">One entry per prompt.</param>
/// <param name="Seed">Seed of the whole request; GenAI has only this one.</param>
/// <param name="Client">Whose request it is: clients take turns in the queue.</param>
public sealed record GenerationBatch(IReadOnlyList<PromptRequest> Prompts, ulong Seed = 0, string Client = "")
{
    /// <summary>Told when the engine has taken the batch in, or a scorer its prompts; never told of one that is refused.</summary>
    public Action? OnAdmitted { get; init; }
}

/// <summary>One prompt and how its completions are drawn.</summary>
public sealed record PromptRequest
{
    /// <summary>The prompt; at least one id.</summary>
    public required int[] PromptIds { get; init; }

    /// <summary>Completions of this prompt, at least 1. Their sample indices are 0 to Samples - 1.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>How tokens are drawn.</summary>
    public SamplingParameters Parameters { get; init; } = SamplingParameters.Plain;

    /// <summary>Seed of this prompt's completions.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether <see cref="Seed"/> was asked for by name, rather than derived from the batch's seed.</summary>
    public bool HasOwnSeed { get; init; }

    /// <summary>Tokens drawn at most, at least 1.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>What else ends a completion; the caller puts the end-of-text id in.</summary>
    public StopRule Stop { get; init; } = StopRule.None;

    /// <summary>How many of the most probable tokens are told with each drawn one. Default 0: none.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Told of each token as it is drawn, on the engine's own thread: it must return at once and never throw.</summary>
    public Action<DrawnToken>? OnToken { get; init; }

    /// <summary>Told of each completion when it is finished, after its last token; under the same rules as <see cref="OnToken"/>.</summary>
    public Action<GeneratedSequence>? OnFinished { get; init; }
}

/// <summary>One token as it is drawn.</summary>
/// <param name="SampleIndex">Which of the prompt's completions.</param>
/// <param name="Id">The token.</param>
/// <param name="LogProb">Its log-probability under the raw distribution, nats.</param>
/// <param name="Top">The most probable tokens at its place; null where none were asked for.</param>
public readonly record struct DrawnToken(int SampleIndex, int Id, float LogProb, RankedToken[]? Top = null)
{
    /// <summary>The characters that the token completes; null from <see cref="IGenerator"/>, which knows ids only.</summary>
    public string? Text { get; init; }
}

/// <summary>Why a completion ended.</summary>
public enum GenerationEnd
{
    /// <summary>A stop id or stop string.</summary>
    Stop,

    /// <summary>The length limit.</summary>
    Length,
}

/// <summary>One finished completion.</summary>
/// <param name="SampleIndex">Which of the prompt's completions.</param>
/// <param name="Ids">Drawn ids, a stop id included.</param>
/// <param name="LogProbs">Raw log-probability of each id (temperature 1, nothing cut off), nats.</param>
/// <param name="End">Why it ended.</param>
/// <param name="Seed">The seed it was drawn with.</param>
public sealed record GeneratedSequence(int SampleIndex, int[] Ids, float[] LogProbs, GenerationEnd End, ulong Seed)
{
    /// <summary>The text of the ids without the stop string and special tokens; empty where the model has no tokenizer, and from <see cref="IGenerator"/>, which knows ids only.</summary>
    public string Text { get; init; } = "";

    /// <summary>The most probable tokens at each id's place; null where none were asked for.</summary>
    public IReadOnlyList<RankedToken[]>? Top { get; init; }
}
