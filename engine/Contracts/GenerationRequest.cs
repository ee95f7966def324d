namespace Rudder.Engine;

/// <summary>A prompt as text or as ids; set exactly one of them.</summary>
public sealed record PromptContent
{
    /// <summary>The prompt as text; requires a model with a tokenizer.</summary>
    public string? Text { get; init; }

    /// <summary>The prompt as token ids of the model.</summary>
    public IReadOnlyList<int>? Ids { get; init; }

    /// <summary>Seed of this prompt's completions. Default: derived from the request's seed and the prompt's index.</summary>
    public ulong? Seed { get; init; }
}

/// <summary>A request for completions of one or more prompts with the same settings.</summary>
/// <example><code>
/// var request = new GenerationRequest { Prompts = [new PromptContent { Text = "The film" }], MaxNewTokens = 32, Seed = 7 };
/// </code></example>
public sealed record GenerationRequest
{
    /// <summary>The prompts; at least one, at most <see cref="EngineOptions.MaxPrompts"/>.</summary>
    public required IReadOnlyList<PromptContent> Prompts { get; init; }

    /// <summary>Completions of each prompt, from 1 to <see cref="EngineOptions.MaxSamples"/>. Default 1.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>Sampling parameters. Default: the model's own distribution.</summary>
    public SamplingParameters Parameters { get; init; } = SamplingParameters.Plain;

    /// <summary>Maximum tokens of each completion. Default: 48, or fewer if the context has less room.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Strings that end a completion and its text, up to <see cref="EngineOptions.MaxStops"/>. Default: none.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Ids that end a completion besides the end-of-text id, up to <see cref="EngineOptions.MaxStops"/>. Default: none.</summary>
    public IReadOnlyList<int> StopIds { get; init; } = [];

    /// <summary>Seed of the request. In fp32 the same seed draws the same tokens, whatever else runs. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>How many of the most probable tokens to return with each drawn token, from 0 to 20. Default 0.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Name of the client. Clients take turns and by default share no cached prompts. Default: one anonymous client.</summary>
    public string Client { get; init; } = "";
}

/// <summary>An event during generation: a drawn token or a finished completion.</summary>
/// <param name="Prompt">Index of the prompt in the request.</param>
/// <param name="Token">The drawn token; null when a completion finishes.</param>
/// <param name="Finished">The finished completion; null for a drawn token.</param>
public readonly record struct GenerationStep(int Prompt, DrawnToken? Token, GeneratedSequence? Finished);
