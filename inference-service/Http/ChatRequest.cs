using System.Text.Json.Serialization;
using Rudder.Checkpoints;
using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>Body of <c>POST /v1/chat/completions</c>. docs/openai.md documents each parameter. The engine checks the values.</summary>
internal sealed record ChatRequest
{
    private const string NoTools = "this service does not call functions";

    public string? Model { get; init; }
    [JsonConverter(typeof(ChatMessagesConverter))] public IReadOnlyList<ChatMessage>? Messages { get; init; }
    public int? N { get; init; }
    public int? MaxCompletionTokens { get; init; }
    public int? MaxTokens { get; init; }
    public float? Temperature { get; init; }
    public float? TopP { get; init; }
    public int? TopK { get; init; }
    public float? MinP { get; init; }
    public bool? Logprobs { get; init; }
    public int? TopLogprobs { get; init; }
    [JsonConverter(typeof(StopConverter))] public IReadOnlyList<string>? Stop { get; init; }
    [JsonConverter(typeof(SeedConverter))] public ulong? Seed { get; init; }
    public bool? Stream { get; init; }
    public StreamOptions? StreamOptions { get; init; }
    public string? User { get; init; }

    // Unsupported parameters. Clients send them with neutral values, which are accepted.
    [Only("response_format", "this service does not force a format", """{"type": "text"}""")] public object? ResponseFormat { get; init; }
    [Only("tools", NoTools, "[]")] public object? Tools { get; init; }
    [Only("tool_choice", NoTools, "\"none\"", "\"auto\"")] public object? ToolChoice { get; init; }
    [Only("parallel_tool_calls", NoTools, "true", "false")] public object? ParallelToolCalls { get; init; }
    [Only("functions", NoTools, "[]")] public object? Functions { get; init; }
    [Only("function_call", NoTools, "\"none\"", "\"auto\"")] public object? FunctionCall { get; init; }
    [Only("modalities", "this service writes text alone", "[\"text\"]")] public object? Modalities { get; init; }
    [Only("service_tier", "this service has one tier", "\"auto\"", "\"default\"")] public object? ServiceTier { get; init; }
    [Neutral("0")] public object? FrequencyPenalty { get; init; }
    [Neutral("0")] public object? PresencePenalty { get; init; }
    [Neutral("1")] public object? RepetitionPenalty { get; init; }
    [Neutral("{}")] public object? LogitBias { get; init; }
    [Neutral("{}")] public object? Metadata { get; init; }
    [Neutral("false")] public object? Store { get; init; }

    /// <summary>The request for completions of the rendered conversation.</summary>
    /// <param name="prompt">The conversation as a prompt.</param>
    /// <param name="context">Tokens of prompt and completion together that the model takes.</param>
    public CompletionRequest ToCompletion(ChatPrompt prompt, int context) => new()
    {
        Model = Model,
        Prompt = new CompletionPrompts(null, [prompt.Ids], IsList: false),
        N = N,
        MaxTokens = MaxCompletionTokens ?? MaxTokens ?? Math.Max(1, context - prompt.Ids.Count),
        Temperature = Temperature,
        TopP = TopP,
        TopK = TopK,
        MinP = MinP,
        Logprobs = Logprobs == true ? TopLogprobs ?? 0 : null,
        Stop = Stop,
        Seed = Seed,
        Stream = Stream,
        StreamOptions = StreamOptions,
    };

    /// <summary>Checks what concerns this face alone.</summary>
    /// <exception cref="ApiException">A value is missing or wrong.</exception>
    public void Check()
    {
        (string Param, string Message)? fault = this switch
        {
            { Model: null } => ("model", "model is missing. GET /v1/models names the loaded ones."),
            { Messages: null } => ("messages", "messages is missing. Send at least one, such as {\"role\": \"user\", \"content\": \"Hello\"}."),
            { MaxTokens: { } old, MaxCompletionTokens: { } tokens } when old != tokens => (
                "max_tokens", $"max_tokens is {old} and max_completion_tokens is {tokens}; they mean the same. Leave one out."),
            { TopLogprobs: > 0, Logprobs: not true } => ("top_logprobs", "top_logprobs needs logprobs. Set logprobs, or leave top_logprobs out."),
            { StreamOptions: not null, Stream: not true } => (
                "stream_options", "stream_options needs stream. Set stream, or leave stream_options out."),
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
