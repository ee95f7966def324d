using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using Grpc.Core;
using Rudder.Client.Files;
using Rudder.Client.Rpc;

namespace Rudder.Client.Bench;

/// <summary>Any server with OpenAI's <c>POST /v1/completions</c>, read as server-sent events.</summary>
internal sealed class OpenAiTarget : IBenchTarget
{
    private const int ByteTokens = 256; // the vocabulary of every byte-level tokenizer has at least these ids
    private const int MaxMessage = 300;

    private readonly HttpClient _http;
    private readonly Uri _path;
    private readonly Metadata? _headers;
    private readonly string _model;
    private readonly int _completions;
    private readonly TimeSpan _deadline;
    private readonly TimeProvider _time;

    /// <summary>Opens a client; nothing is sent until the first request.</summary>
    /// <param name="service">Address of the server; without a final /v1 this is added.</param>
    /// <param name="access">Key and certificates.</param>
    /// <param name="model">Name of the model.</param>
    /// <param name="completions">Completions of each prompt.</param>
    /// <param name="deadline">Time for one request.</param>
    /// <param name="time">Clock of the deadline.</param>
    public OpenAiTarget(Uri service, ServiceAccess access, string model, int completions, TimeSpan deadline, TimeProvider time)
    {
        string root = service.AbsoluteUri.TrimEnd('/');
        _path = new Uri((root.EndsWith("/v1", StringComparison.Ordinal) ? root : root + "/v1") + "/completions");
        _http = new HttpClient(access.Handler() ?? new SocketsHttpHandler()) { Timeout = Timeout.InfiniteTimeSpan };
        (_headers, _model, _completions, _deadline, _time) = (access.Headers(), model, completions, deadline, time);
    }

    public Task<int> PrepareAsync(CancellationToken cancel) => Task.FromResult(ByteTokens);

    public async Task SendAsync(BenchRequest request, RequestTimer timer, CancellationToken cancel)
    {
        using CancellationTokenSource late = new(_deadline, _time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancel);
        try
        {
            await StreamAsync(request, timer, stop.Token);
        }
        catch (OperationCanceledException cause) when (!cancel.IsCancellationRequested)
        {
            string message = $"The request took longer than --deadline, {_deadline.TotalSeconds} s.";
            throw new FailedRequestException("Timeout", message, false, cause);
        }
        catch (HttpRequestException cause)
        {
            throw new FailedRequestException(cause.HttpRequestError.ToString(), cause.Message, false, cause);
        }
        catch (IOException cause)
        {
            throw new FailedRequestException("ConnectionLost", cause.Message, false, cause);
        }
        catch (Exception cause) when (cause is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            string message = $"The server's stream is not that of OpenAI's API: {cause.Message}";
            throw new FailedRequestException("InvalidReply", message, true, cause);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task StreamAsync(BenchRequest request, RequestTimer timer, CancellationToken cancel)
    {
        using HttpRequestMessage message = new(HttpMethod.Post, _path) { Content = Body(request) };
        foreach (Metadata.Entry header in _headers ?? [])
        {
            message.Headers.Add(header.Key, header.Value);
        }

        using HttpResponseMessage response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancel);
        if (!response.IsSuccessStatusCode)
        {
            throw await RefusalAsync(response, cancel);
        }

        using Stream stream = await response.Content.ReadAsStreamAsync(cancel);
        await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync(cancel))
        {
            if (item.Data == "[DONE]")
            {
                return;
            }

            using var piece = JsonDocument.Parse(item.Data);
            Read(piece.RootElement, timer);
        }

        throw new FailedRequestException("ConnectionLost", "The stream ended without [DONE].", false);
    }

    private StringContent Body(BenchRequest request)
    {
        var body = new
        {
            Model = _model,
            Prompt = (object?)request.Ids ?? request.Text,
            N = _completions,
            MaxTokens = request.MaxNewTokens,
            Temperature = 1,
            request.Seed,
            Stream = true,
            StreamOptions = new { IncludeUsage = true },
        };
        return new StringContent(JsonSerializer.Serialize(body, StrictJson.Line), Encoding.UTF8, "application/json");
    }

    private void Read(JsonElement piece, RequestTimer timer)
    {
        if (piece.TryGetProperty("error", out JsonElement error))
        {
            throw new FailedRequestException("StreamError", MessageOf(error), false);
        }

        foreach (JsonElement choice in piece.GetProperty("choices").EnumerateArray())
        {
            int index = choice.GetProperty("index").GetInt32();
            if (index < 0 || index >= _completions)
            {
                throw new JsonException($"choice {index} of a request for {_completions}");
            }

            // A completion without text, e.g. of the end-of-text token alone, has arrived when it is finished.
            bool text = choice.GetProperty("text").GetString() is { Length: > 0 };
            bool finished = choice.TryGetProperty("finish_reason", out JsonElement reason) && reason.ValueKind == JsonValueKind.String;
            if (text || (finished && !timer.HasStarted(index)))
            {
                timer.Arrived(index);
            }
        }

        if (piece.TryGetProperty("usage", out JsonElement usage) && usage.ValueKind == JsonValueKind.Object)
        {
            timer.Usage = (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32());
        }
    }

    private static async Task<FailedRequestException> RefusalAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        string text = await response.Content.ReadAsStringAsync(cancel);
        try
        {
            using var body = JsonDocument.Parse(text);
            text = body.RootElement.TryGetProperty("error", out JsonElement error) ? MessageOf(error) : text;
        }
        catch (Exception other) when (other is JsonException or InvalidOperationException)
        {
            // Not every server explains itself in JSON.
        }

        bool refused = (int)response.StatusCode is >= 400 and < 500
            && response.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.RequestTimeout
                or HttpStatusCode.TooManyRequests);
        return new FailedRequestException(((int)response.StatusCode).ToString(), Cut(text.Trim()), refused);
    }

    private static string MessageOf(JsonElement error) =>
        Cut(error.ValueKind == JsonValueKind.Object && error.TryGetProperty("message", out JsonElement message)
            ? message.ToString()
            : error.ToString());

    private static string Cut(string text) => text.Length > MaxMessage ? text[..MaxMessage] + "…" : text;
}
