using System.Text.Json.Serialization;
using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>Body of <c>POST /v1/completions</c>. docs/openai.md documents each parameter. The engine checks the values.</summary>
internal sealed record CompletionRequest
{
    public string? Model { get; init; }
    public CompletionPrompts? Prompt { get; init; }
    public int? N { get; init; }
    public int? BestOf { get; init; }
    public int? MaxTokens { get; init; }
    public float? Temperature { get; init; }
    public float? TopP { get; init; }
    public int? TopK { get; init; }
    public float? MinP { get; init; }
    public int? Logprobs { get; init; }
    public bool? Echo { get; init; }
    [JsonConverter(typeof(StopConverter))] public IReadOnlyList<string>? Stop { get; init; }
    [JsonConverter(typeof(SeedConverter))] public ulong? Seed { get; init; }
    public bool? Stream { get; init; }
    public StreamOptions? StreamOptions { get; init; }
    public string? User { get; init; }

    // Unsupported parameters. Clients send them with neutral values, which are accepted.
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

    /// <summary>Whether the prompts are only echoed and scored.</summary>
    [JsonIgnore] public bool DrawsNothing => MaxTokens == 0 && Echo == true;

    /// <summary>Completions of each prompt.</summary>
    [JsonIgnore] public int Samples => N ?? 1;

    /// <summary>Checks the parameters of this face and converts to an engine request. The engine checks the rest.</summary>
    /// <exception cref="ApiException">A value is missing or wrong.</exception>
    /// <exception cref="RequestFault">A sampling parameter is out of range.</exception>
    public GenerationRequest ToGeneration(string client)
    {
        Check();
        return Convert(client);
    }

    /// <summary>Converts to an engine request. The engine checks the values.</summary>
    /// <exception cref="RequestFault">A sampling parameter is out of range.</exception>
    public GenerationRequest Convert(string client) => new()
    {
        Prompts = Prompt!,
        Samples = Samples,
        Parameters = new SamplingParameters(Temperature ?? 1, TopK is null or -1 ? 0 : TopK.Value, TopP ?? 1, MinP ?? 0),
        MaxNewTokens = MaxTokens ?? 16,
        StopStrings = Stop ?? [],
        Seed = Seed ?? 0,
        TopLogProbs = Logprobs ?? 0,
        Client = client,
    };

    private void Check()
    {
        const int maxTop = 5;                                // limit of OpenAI's API; gRPC allows more
        (string Param, string Message)? fault = this switch
        {
            { Model: null } => ("model", "model is missing. GET /v1/models names the loaded ones."),
            { Prompt: null } => ("prompt", "prompt is missing. Send a text, token ids, or a list of either."),
            { BestOf: { } best } when best != Samples => ("best_of", $"best_of is {best}; it takes only the value of n, here {Samples}. Draw more with n."),
            { MaxTokens: 0 } when Echo != true => ("max_tokens", "max_tokens is 0; it takes 1 or more, or 0 together with echo to score a prompt."),
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
internal sealed record StreamOptions(bool? IncludeUsage = null, bool? IncludeObfuscation = null);
