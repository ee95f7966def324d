using System.Text.Json.Serialization;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary><c>POST /tokenize</c> and <c>/detokenize</c>, in vLLM's form.</summary>
internal sealed class Tokenization(EngineHost models, ServiceState state)
{
    /// <summary>Sends the ids of a text or of a conversation.</summary>
    public async Task EncodeAsync(HttpContext http)
    {
        var request = await RequestJson.ReadAsync<TokenizeRequest>(http.Request, http.RequestAborted);
        request.Check();
        using var call = ModelCall.Open(models, state, http, http.RequestAborted, ("model", request.Model!));
        IReadOnlyList<int> tokens = request.Messages is { } messages
            ? call.Model.EncodeChat(messages).Ids
            : call.Model.Encode([request.Prompt!], asPrompts: request.AddSpecialTokens ?? true, call.Cancellation)[0];
        var strings = request.ReturnTokenStrs == true ? tokens.Select(id => TokenText.Show(call.Model, id)) : null;
        await SendAsync(http, new { tokens.Count, MaxModelLen = call.Model.Description.Context, Tokens = tokens, TokenStrs = strings }, call.Cancellation);
    }

    /// <summary>Sends the text of ids.</summary>
    public async Task DecodeAsync(HttpContext http)
    {
        var request = await RequestJson.ReadAsync<DetokenizeRequest>(http.Request, http.RequestAborted);
        string model = request.Model ?? throw ApiException.Invalid("model", TokenizeRequest.NoModel);
        var tokens = request.Tokens ?? throw ApiException.Invalid("tokens", "tokens is missing. Send a list of token ids.");
        using var call = ModelCall.Open(models, state, http, http.RequestAborted, ("model", model));
        await SendAsync(http, new { Prompt = call.Model.Decode([tokens], call.Cancellation)[0] }, call.Cancellation);
    }

    private static Task SendAsync(HttpContext http, object reply, CancellationToken cancellation) =>
        http.Response.WriteAsJsonAsync(reply, ReplyJson.Options, "application/json", cancellation);
}

/// <summary>Body of <c>POST /tokenize</c>: a text or a conversation.</summary>
internal sealed record TokenizeRequest
{
    /// <summary>What a request without a model is told.</summary>
    public const string NoModel = "model is missing. GET /v1/models names the loaded generators.";

    public string? Model { get; init; }
    public string? Prompt { get; init; }
    [JsonConverter(typeof(ChatMessagesConverter))] public IReadOnlyList<ChatMessage>? Messages { get; init; }
    public bool? AddSpecialTokens { get; init; }
    public bool? ReturnTokenStrs { get; init; }
    [Neutral("true")] public object? AddGenerationPrompt { get; init; }

    /// <summary>Checks what concerns this face alone.</summary>
    /// <exception cref="ApiException">A value is missing or wrong.</exception>
    public void Check()
    {
        (string Param, string Message)? fault = this switch
        {
            { Model: null } => ("model", NoModel),
            { Prompt: null, Messages: null } => ("prompt", "prompt is missing. Send a text as prompt, or messages."),
            { Prompt: not null, Messages: not null } => ("messages", "messages and prompt are both given. Leave one out."),
            { Messages: not null, AddSpecialTokens: true } => (
                "add_special_tokens", "add_special_tokens is true; with messages the chat template writes the special tokens. Leave it out."),
            _ => null,
        };
        if (fault is var (param, message))
        {
            throw ApiException.Invalid(param, message);
        }
    }
}

/// <summary>Body of <c>POST /detokenize</c>.</summary>
internal sealed record DetokenizeRequest
{
    public string? Model { get; init; }
    [JsonConverter(typeof(TokensConverter))] public IReadOnlyList<int>? Tokens { get; init; }
}
