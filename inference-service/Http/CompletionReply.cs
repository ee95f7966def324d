using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary>A reply without usage: a chunk of a stream that does not report usage.</summary>
/// <param name="Id">Of the call.</param>
/// <param name="Created">Seconds since 1970.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="SystemFingerprint">Fingerprint of the model.</param>
/// <param name="Choices">The completions, or a piece of one; created lazily while writing.</param>
internal record CompletionPiece(string Id, long Created, string Model, string SystemFingerprint, IEnumerable<CompletionChoice> Choices)
{
    /// <summary>Type of the object.</summary>
    public string Object => "text_completion";
}

/// <summary>A whole reply, or a chunk of a stream that reports usage. <see cref="Usage"/> is null except in the last chunk.</summary>
internal sealed record CompletionReply(
    string Id,
    long Created,
    string Model,
    string SystemFingerprint,
    IEnumerable<CompletionChoice> Choices,
    [property: JsonPropertyOrder(1)] CompletionUsage? Usage)
    : CompletionPiece(Id, Created, Model, SystemFingerprint, Choices);

/// <summary>Tokens of a call. Each prompt counts once.</summary>
internal sealed record CompletionUsage(int PromptTokens, int CompletionTokens)
{
    public int TotalTokens => PromptTokens + CompletionTokens;
}

/// <summary>One completion, or a piece of one.</summary>
/// <param name="Index">Prompt index × n + sample index.</param>
/// <param name="Text">Its text.</param>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>; null until it is finished.</param>
/// <param name="Logprobs">Log-probs of its tokens; null if not requested.</param>
internal sealed record CompletionChoice(int Index, string Text, string? FinishReason, TokenLogProbs? Logprobs);

/// <summary>Collects the tokens of a choice with their log-probs.</summary>
internal interface ILogProbs
{
    /// <summary>Adds a token.</summary>
    /// <param name="model">The model that drew it.</param>
    /// <param name="token">The token with its log-prob.</param>
    /// <param name="top">The most probable tokens at its place; null if not requested.</param>
    /// <param name="offset">Where it begins in the text, Unicode code points.</param>
    void Add(ModelLease model, RankedToken token, RankedToken[]? top, int offset);
}

/// <summary>Tokens with their log-probs.</summary>
/// <param name="hasTop">Whether to list the most probable tokens at each position.</param>
internal sealed class TokenLogProbs(bool hasTop) : ILogProbs
{
    /// <summary>The tokens as text.</summary>
    public List<string> Tokens { get; } = [];

    /// <summary>log p of each under the raw distribution, nats; null for a prompt's first token, which has no prediction.</summary>
    public List<float?> TokenLogprobs { get; } = [];

    /// <summary>The most probable tokens at each position by text, most probable first; null if not requested.</summary>
    /// <remarks>An entry is null for the first token of a prompt.</remarks>
    public List<Dictionary<string, float>?>? TopLogprobs { get; } = hasTop ? [] : null;

    /// <summary>Where each token begins in the text, in Unicode code points, before a stop string is cut off.</summary>
    public List<int> TextOffset { get; } = [];

    /// <summary>Adds a token.</summary>
    public void Add(string token, float? logProb, int offset, Dictionary<string, float>? top = null)
    {
        Tokens.Add(token);
        TokenLogprobs.Add(logProb);
        TextOffset.Add(offset);
        TopLogprobs?.Add(top);
    }

    public void Add(ModelLease model, RankedToken token, RankedToken[]? top, int offset) => Add(
        TokenText.Show(model, token.Id),
        token.LogProb,
        offset,
        TopLogprobs is null ? null : ChoiceText.TopTexts(token, top ?? [], id => TokenText.Show(model, id)));
}

/// <summary>JSON of replies.</summary>
internal static class ReplyJson
{
    /// <summary>OpenAI's names; includes null members.</summary>
    public static JsonSerializerOptions Options { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Counts the bytes of a reply without keeping them.</summary>
    public static long Count(object reply)
    {
        var counter = new Counter();
        using (var json = new Utf8JsonWriter(counter))
        {
            JsonSerializer.Serialize(json, reply, reply.GetType(), Options);
        }

        return counter.Count;
    }

    private sealed class Counter : IBufferWriter<byte>
    {
        private byte[] _buffer = new byte[16 << 10];

        public long Count { get; private set; }

        public void Advance(int count) => Count += count;

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            if (sizeHint > _buffer.Length)
            {
                _buffer = new byte[sizeHint];
            }

            return _buffer;
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
