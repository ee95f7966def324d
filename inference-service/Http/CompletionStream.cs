using System.Net.ServerSentEvents;
using System.Text.Json;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Http;

/// <summary>Streams completions while they are sampled. The pieces of a choice add up to the text of the whole reply.</summary>
internal sealed class CompletionStream(
    CompletionWork work, StreamBuffer progress, ModelCall call, Action<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> drawn)
{
    private static readonly byte[] Done = "[DONE]"u8.ToArray();

    /// <summary>Samples and sends. A failure before the first event still gets its own status.</summary>
    /// <exception cref="SlowReaderException">The reader is too far behind.</exception>
    /// <exception cref="Security.ClientLimitException">The client left too many bytes unread.</exception>
    public async Task SendAsync(HttpContext http, Action admitted)
    {
        var generation = work.DrawAsync(admitted, call.Cancellation);
        progress.CompleteAfter(generation);
        var aborted = http.RequestAborted;

        // Also ends a write that waits for the reader: the model's lease must not depend on a reader.
        http.RequestAborted = call.Cancellation;
        try
        {
            await TypedResults.ServerSentEvents(EventsAsync(generation)).ExecuteAsync(http);
        }
        catch (Exception) when (progress.Overflow is { } overflow)
        {
            throw overflow;
        }
        finally
        {
            // The lease must outlive the work, even if the reader has gone.
            http.RequestAborted = aborted;
            await call.CancelAsync();
            await ((Task)generation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async IAsyncEnumerable<SseItem<byte[]>> EventsAsync(Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> generation)
    {
        ChoiceText[]? choices = null;
        await foreach (var step in progress.ReadAllAsync(call.Cancellation))
        {
            if (choices is null)
            {
                choices = [.. Enumerable.Range(0, work.Choices).Select(_ => new ChoiceText(work.Request, work.Model))];
                foreach (object opening in work.Opening(choices))
                {
                    yield return Event(opening);
                }
            }

            if (Next(choices, step) is { } piece)
            {
                yield return Event(piece);
            }
        }

        var all = await generation;
        drawn(all);
        if (work.Request.StreamOptions?.IncludeUsage == true)
        {
            yield return Event(work.UsagePiece(work.Usage(all)));
        }

        yield return new SseItem<byte[]>(Done);
    }

    /// <summary>Converts an engine event to a piece; null for a token without a complete character, unless it has log-probs.</summary>
    private object? Next(ChoiceText[] choices, GenerationStep step)
    {
        if (step.Finished is { } finished)
        {
            int ended = work.Index(step.Prompt, finished.SampleIndex);
            string rest = choices[ended].Rest(work.TextOf(finished));
            return work.Piece(ended, rest, CompletionWork.ReasonOf(finished), null);
        }

        var token = step.Token!.Value;
        int index = work.Index(step.Prompt, token.SampleIndex);
        var logProbs = work.LogProbs();
        string text = choices[index].Append(new RankedToken(token.Id, token.LogProb), token.Top, logProbs);
        return text.Length > 0 || logProbs is not null ? work.Piece(index, text, null, logProbs) : null;
    }

    private static SseItem<byte[]> Event(object piece) => new(JsonSerializer.SerializeToUtf8Bytes(piece, piece.GetType(), ReplyJson.Options));
}
