namespace Rudder.Engine;

/// <summary>The prompts of one request.</summary>
/// <param name="Prompts">One entry per prompt.</param>
/// <param name="Seed">Seed of the whole request; the only seed that GenAI supports.</param>
/// <param name="Client">Name of the client; the queue serves clients in turn.</param>
internal sealed record GenerationBatch(IReadOnlyList<PromptRequest> Prompts, ulong Seed = 0, string Client = "")
{
    /// <summary>Called when the engine accepts the batch; never called for a refused batch.</summary>
    public Action? OnAdmitted { get; init; }

    /// <summary>
    /// Ends the batch as its caller's token does. Two tokens instead of a linked source, which fires later: the slots must be free within
    /// one step.
    /// </summary>
    public CancellationToken Ended { get; init; }
}

/// <summary>One prompt and the settings of its completions.</summary>
public sealed record PromptRequest
{
    /// <summary>Ids of the prompt; at least one.</summary>
    public required int[] PromptIds { get; init; }

    /// <summary>Number of completions, at least 1. Sample indices run from 0 to Samples - 1.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Sampling parameters.</summary>
    public SamplingParameters Parameters { get; init; } = SamplingParameters.Plain;

    /// <summary>Seed of this prompt's completions.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether the request gave <see cref="Seed"/>; otherwise it is derived from the batch's seed.</summary>
    public bool HasOwnSeed { get; init; }

    /// <summary>Maximum tokens to draw, at least 1.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>Stop ids and stop strings; the caller adds the end-of-text id.</summary>
    public StopRule Stop { get; init; } = StopRule.None;

    /// <summary>How many of the most probable tokens to report with each drawn token. Default 0.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Called with each drawn token, on the engine's own thread: it must return at once and never throw.</summary>
    public Action<DrawnToken>? OnToken { get; init; }

    /// <summary>Called with each finished completion, after its last token; the rules of <see cref="OnToken"/> apply.</summary>
    public Action<GeneratedSequence>? OnFinished { get; init; }
}

/// <summary>One token as it is drawn.</summary>
/// <param name="SampleIndex">Index of the completion among the prompt's completions.</param>
/// <param name="Id">The token.</param>
/// <param name="LogProb">Its log-probability under the raw distribution, nats.</param>
/// <param name="Top">The most probable tokens at this position; null unless the request asks for them.</param>
public readonly record struct DrawnToken(int SampleIndex, int Id, float LogProb, RankedToken[]? Top = null)
{
    /// <summary>The characters that the token completes; null without a decoded text.</summary>
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
/// <param name="SampleIndex">Index of the completion among the prompt's completions.</param>
/// <param name="Ids">Drawn ids, including a stop id.</param>
/// <param name="LogProbs">Raw log-probability of each id (temperature 1, no truncation), nats.</param>
/// <param name="End">Why it ended.</param>
/// <param name="Seed">The seed that drew it.</param>
public sealed record GeneratedSequence(int SampleIndex, int[] Ids, float[] LogProbs, GenerationEnd End, ulong Seed)
{
    /// <summary>The text of the ids without the stop string and special tokens; empty when the model has no tokenizer.</summary>
    public string Text { get; init; } = "";

    /// <summary>The most probable tokens at each id's position; null unless the request asks for them.</summary>
    public IReadOnlyList<RankedToken[]>? Top { get; init; }

    /// <summary>Version of the weights that drew it: 0 as loaded, then one more with each replacement.</summary>
    public long WeightsVersion { get; init; }
}
