using System.Text.Json.Serialization;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Http;

/// <summary>Body of <c>POST /v1/completions</c>. Absent and null members have the documented defaults. The engine checks the values.</summary>
internal sealed record CompletionRequest
{
    /// <summary>Name of a loaded generator.</summary>
    public string? Model { get; init; }

    /// <summary>The prompts.</summary>
    public Prompts? Prompt { get; init; }

    /// <summary>Completions of each prompt. Default 1.</summary>
    public int? N { get; init; }

    /// <summary>Only the value of <see cref="N"/>.</summary>
    public int? BestOf { get; init; }

    /// <summary>Tokens drawn at most; 0 draws none and needs <see cref="Echo"/>. Default 16.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Divides the logits; 0 is greedy. Default 1.</summary>
    public float? Temperature { get; init; }

    /// <summary>Keeps the smallest set of tokens whose probability reaches it. Default 1.</summary>
    public float? TopP { get; init; }

    /// <summary>Keeps the k most probable tokens; 0 and −1 keep all. Default 0. Not in OpenAI's API.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps tokens of at least this share of the largest probability. Default 0. Not in OpenAI's API.</summary>
    public float? MinP { get; init; }

    /// <summary>Returns each token's log-prob and this many of the most probable tokens at its place, 0 to 5. Default: no log-probs.</summary>
    public int? Logprobs { get; init; }

    /// <summary>Whether the reply repeats the prompt before its completion. Default false.</summary>
    public bool? Echo { get; init; }

    /// <summary>Strings that end a completion and are cut off. Default: none.</summary>
    [JsonConverter(typeof(StopConverter))]
    public IReadOnlyList<string>? Stop { get; init; }

    /// <summary>Same seed, same tokens (fp32). Default 0.</summary>
    [JsonConverter(typeof(SeedConverter))]
    public ulong? Seed { get; init; }

    /// <summary>Whether the reply comes token by token. Default false.</summary>
    public bool? Stream { get; init; }

    /// <summary>Options of a stream.</summary>
    public StreamOptions? StreamOptions { get; init; }

    /// <summary>Ignored and never logged.</summary>
    public string? User { get; init; }

    // What the engines lack. Clients send these with values that change nothing, and such values are accepted.
    [Neutral("\"\"")] public object? Suffix { get; init; }

    [Neutral("0")] public object? FrequencyPenalty { get; init; }

    [Neutral("0")] public object? PresencePenalty { get; init; }

    [Neutral("1")] public object? RepetitionPenalty { get; init; }

    [Neutral("1")] public object? LengthPenalty { get; init; }

    [Neutral("0")] public object? MinTokens { get; init; }

    [Neutral("{}")] public object? LogitBias { get; init; }

    [Neutral("{}")] public object? Metadata { get; init; }

    [Neutral("[]")] public object? StopTokenIds { get; init; }

    [Neutral("[]")] public object? BadWords { get; init; }

    [Neutral("false")] public object? IgnoreEos { get; init; }

    [Neutral("false")] public object? UseBeamSearch { get; init; }

    [Neutral("false")] public object? IncludeStopStrInOutput { get; init; }

    [Neutral("false")] public object? Store { get; init; }

    [Neutral("true")] public object? SkipSpecialTokens { get; init; }

    /// <summary>Whether the prompts are only repeated and scored.</summary>
    [JsonIgnore] public bool DrawsNothing => MaxTokens == 0 && Echo == true;

    /// <summary>Completions of each prompt.</summary>
    [JsonIgnore] public int Samples => N ?? 1;

    /// <summary>Checks what only this face knows, and makes a gRPC request of it; all other checks are those of gRPC.</summary>
    /// <param name="maxPrompts">Prompts of one call, checked before each takes some fifty bytes.</param>
    /// <exception cref="ApiException">A value is missing or wrong.</exception>
    public SampleRequest ToSample(int maxPrompts)
    {
        Check(maxPrompts);
        var settings = new SamplerSettings
        {
            Temperature = Temperature ?? 1,
            TopP = TopP ?? 1,
            TopK = TopK is null or -1 ? 0 : TopK.Value,
            MinP = MinP ?? 0,
            Seed = (uint)(Seed ?? 0),
            MaxNewTokens = MaxTokens ?? 16,
        };
        settings.StopStrings.AddRange(Stop ?? []);
        var sample = new SampleRequest { Model = Model, N = Samples, Settings = settings, Logprobs = Logprobs is not null, TopLogprobs = Logprobs ?? 0 };
        sample.Prompts.AddRange(Prompt!.ToProtos());
        return sample;
    }

    private void Check(int maxPrompts)
    {
        const int maxTop = 5;                                // of OpenAI's API; gRPC gives more
        (string Param, string Message)? fault = this switch
        {
            { Model: null } => ("model", "model is missing. GET /v1/models names the loaded ones."),
            { Prompt: null } => ("prompt", "prompt is missing. Send a text, token ids, or a list of either."),
            { Prompt.Count: var count } when count > maxPrompts => ("prompt", $"prompt has {count} entries; the limit is {maxPrompts}. Send several calls."),
            { BestOf: { } best } when best != Samples => ("best_of", $"best_of is {best}; it takes only the value of n, here {Samples}. Draw more with n."),
            { MaxTokens: 0 } when Echo != true => ("max_tokens", "max_tokens is 0; it takes 1 or more, or 0 together with echo to score a prompt."),
            { Seed: > uint.MaxValue } => ("seed", $"seed is {Seed}; it takes 0 to {uint.MaxValue}."),
            { Logprobs: < 0 or > maxTop } => ("logprobs", $"logprobs is {Logprobs}; it takes 0 to {maxTop}. Ask for fewer."),
            { StreamOptions: not null, Stream: not true } => ("stream_options", "stream_options needs stream. Set stream, or leave stream_options out."),
            { StreamOptions.IncludeObfuscation: true } => (
                "stream_options.include_obfuscation", "stream_options.include_obfuscation is true; this service sends no padding. Leave it out."),
            _ => null,
        };
        if (fault is var (param, message))
        {
            throw ApiException.Invalid(param, message);
        }
    }
}

/// <summary>Options of a stream.</summary>
internal sealed record StreamOptions
{
    /// <summary>Whether the stream ends with its usage. Default false.</summary>
    public bool? IncludeUsage { get; init; }

    /// <summary>Only false.</summary>
    public bool? IncludeObfuscation { get; init; }
}
