namespace Rudder.Engine;

/// <summary>A prompt as text or as ids; exactly one of them is set.</summary>
public sealed record PromptContent
{
    /// <summary>The prompt as text; needs a model with a tokenizer.</summary>
    public string? Text { get; init; }

    /// <summary>The prompt as ids of the model.</summary>
    public IReadOnlyList<int>? Ids { get; init; }

    /// <summary>Seed of this prompt's completions. Default: derived from the request's seed and the prompt's place.</summary>
    public ulong? Seed { get; init; }
}

/// <summary>Completions to be drawn for one or more prompts under the same settings.</summary>
/// <example><code>
/// var request = new GenerationRequest { Prompts = [new PromptContent { Text = "The film" }], MaxNewTokens = 32, Seed = 7 };
/// </code></example>
public sealed record GenerationRequest
{
    /// <summary>The prompts; at least one, at most <see cref="EngineOptions.MaxPrompts"/>.</summary>
    public required IReadOnlyList<PromptContent> Prompts { get; init; }

    /// <summary>Completions of each prompt, from 1 to <see cref="EngineOptions.MaxSamples"/>. Default 1.</summary>
    public int Samples { get; init; } = 1;

    /// <summary>How tokens are drawn. Default: the model's own distribution.</summary>
    public SamplingParameters Parameters { get; init; } = SamplingParameters.Plain;

    /// <summary>Tokens drawn at most for each completion. Default: 48, or what the model has room for.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Strings that end a completion, up to <see cref="EngineOptions.MaxStops"/>; they are cut off its text. Default: none.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Ids that end a completion, beside the model's end-of-text id; up to <see cref="EngineOptions.MaxStops"/>. Default: none.</summary>
    public IReadOnlyList<int> StopIds { get; init; } = [];

    /// <summary>Seed of the request: the same seed draws the same tokens in fp32, whatever else runs. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>How many of the most probable tokens come with each drawn one, from 0 to 20. Default 0.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Name of the client: clients take turns in the queue, and by default share no cached prompts. Default: one anonymous client.</summary>
    public string Client { get; init; } = "";
}

/// <summary>What an engine reports while it draws: a token, or a finished completion.</summary>
/// <param name="Prompt">Index of the prompt in the request.</param>
/// <param name="Token">The drawn token; null where a completion is finished.</param>
/// <param name="Finished">The finished completion; null where a token was drawn.</param>
public readonly record struct GenerationStep(int Prompt, DrawnToken? Token, GeneratedSequence? Finished);

/// <summary>A checked request in the engine's terms.</summary>
/// <param name="Batch">The prompts.</param>
/// <param name="Stop">What ends completions, for cutting their text.</param>
internal sealed record GenerationPlan(GenerationBatch Batch, StopRule Stop)
{
    /// <summary>Tokens that the request may use: for each completion its prompt and the tokens it may draw.</summary>
    public long Tokens => Batch.Prompts.Sum(prompt => prompt.Samples * ((long)prompt.PromptIds.Length + prompt.MaxNewTokens));

    /// <summary>The same plan with a callback for its admission.</summary>
    /// <param name="admitted"><see cref="GenerationBatch.OnAdmitted"/>.</param>
    public GenerationPlan WhenAdmitted(Action admitted) => this with { Batch = Batch with { OnAdmitted = admitted } };
}
