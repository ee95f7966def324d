using System.Text.Json.Serialization;
using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>A chunk of a stream that does not report usage.</summary>
/// <param name="Id">Of the call.</param>
/// <param name="Created">Seconds since 1970.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="SystemFingerprint">Fingerprint of the model.</param>
/// <param name="Choices">A piece of one reply; none in the chunk with the usage.</param>
internal record ChatChunk(string Id, long Created, string Model, string SystemFingerprint, IReadOnlyList<ChatChunkChoice> Choices)
{
    /// <summary>Type of the object.</summary>
    public string Object => "chat.completion.chunk";
}

/// <summary>A chunk of a stream that reports usage. <see cref="Usage"/> is null except in the last chunk.</summary>
internal sealed record ChatUsageChunk(
    string Id,
    long Created,
    string Model,
    string SystemFingerprint,
    IReadOnlyList<ChatChunkChoice> Choices,
    [property: JsonPropertyOrder(1)] CompletionUsage? Usage)
    : ChatChunk(Id, Created, Model, SystemFingerprint, Choices);

/// <summary>A piece of one reply.</summary>
internal sealed record ChatChunkChoice(int Index, ChatDelta Delta, ChatLogProbs? Logprobs, string? FinishReason);

/// <summary>What a chunk adds to the message.</summary>
/// <param name="Role">In the first chunk of a reply.</param>
/// <param name="Content">Further text; missing where there is none.</param>
internal sealed record ChatDelta(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Content);

/// <summary>A whole reply. Its choices are created lazily while writing.</summary>
internal sealed record ChatReply(
    string Id, long Created, string Model, string SystemFingerprint, IEnumerable<ChatChoice> Choices, CompletionUsage Usage)
{
    /// <summary>Type of the object.</summary>
    public string Object => "chat.completion";
}

/// <summary>One reply.</summary>
internal sealed record ChatChoice(int Index, ChatAnswer Message, ChatLogProbs? Logprobs, string FinishReason);

/// <summary>The assistant's message.</summary>
internal sealed record ChatAnswer(string Content)
{
    public string Role => "assistant";

    /// <summary>Always null: the model's text is never classified.</summary>
    public string? Refusal => null;
}

/// <summary>Tokens of a reply with their log-probs.</summary>
internal sealed class ChatLogProbs : ILogProbs
{
    /// <summary>Every drawn token, the end of the turn included.</summary>
    public List<ChatToken> Content { get; } = [];

    /// <summary>Always null: see <see cref="ChatAnswer.Refusal"/>.</summary>
    public object? Refusal => null;

    public void Add(ModelLease model, RankedToken token, RankedToken[]? top, int offset) => Content.Add(new ChatToken(
        TokenText.Show(model, token.Id),
        token.LogProb,
        BytesOf(model, token.Id),
        [.. (top ?? []).Select(other => new ChatTopToken(TokenText.Show(model, other.Id), other.LogProb, BytesOf(model, other.Id)))]));

    private static int[]? BytesOf(ModelLease model, int id) => TokenText.Bytes(model, id) is { IsEmpty: false } bytes
        ? Array.ConvertAll(bytes.ToArray(), value => (int)value)
        : null;
}

/// <summary>A drawn token.</summary>
/// <param name="Token">Its text, as <see cref="TokenText.Show"/> gives it.</param>
/// <param name="Logprob">log p under the raw distribution, nats.</param>
/// <param name="Bytes">Its UTF-8 bytes; null if it has no text.</param>
/// <param name="TopLogprobs">The most probable tokens at its place, most probable first; empty if not requested.</param>
internal sealed record ChatToken(string Token, float Logprob, int[]? Bytes, IReadOnlyList<ChatTopToken> TopLogprobs);

/// <summary>One of the most probable tokens at a place.</summary>
internal sealed record ChatTopToken(string Token, float Logprob, int[]? Bytes);
