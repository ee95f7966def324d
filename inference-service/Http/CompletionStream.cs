using Rudder.Engine;
using Rudder.Engine.Sampling;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary>Sends completions as they are drawn. The pieces of a choice, put together, are the text of the whole reply.</summary>
internal sealed class CompletionStream(ServiceMetrics metrics)
{
    /// <summary>Draws and sends. What fails before the first event still gets a status of its own.</summary>
    /// <param name="http">The request.</param>
    /// <param name="work">The work.</param>
    /// <param name="generator">What draws.</param>
    /// <param name="progress">What the plan's listener writes to.</param>
    /// <param name="call">Holds the model.</param>
    /// <exception cref="SlowReaderException">The reader is too far behind.</exception>
    public async Task SendAsync(HttpContext http, CompletionWork work, IGenerator generator, StreamBuffer<GenerationStep> progress, ModelCall call)
    {
        var events = new ServerEvents(http.Response);
        var generation = CompleteAsync(progress, work.DrawAsync(generator, call.Cancellation));
        try
        {
            ChoiceText[]? choices = null;
            await foreach (var step in progress.ReadAllAsync(call.Cancellation))
            {
                choices ??= await OpenAsync(events, work, call.Cancellation);
                await SendAsync(events, work, choices, step, call.Cancellation);
            }

            await CloseAsync(events, work, await generation, call.Cancellation);
        }
        catch (Exception) when (progress.Overflow is { } overflow)
        {
            throw overflow;
        }
        finally
        {
            // The model's lease must outlive the work, also when the reader has gone.
            await call.CancelAsync();
            await ((Task)generation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Ends the buffer when the work ends; its failure is met where the result is awaited.</summary>
    private static async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> CompleteAsync(
        StreamBuffer<GenerationStep> progress, Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> generation)
    {
        try
        {
            return await generation;
        }
        finally
        {
            progress.Complete();
        }
    }

    /// <summary>Sends the headers and, where they are echoed, the prompts.</summary>
    private static async Task<ChoiceText[]> OpenAsync(ServerEvents events, CompletionWork work, CancellationToken cancellation)
    {
        await events.StartAsync(cancellation);
        var choices = new ChoiceText[work.Choices];
        for (int i = 0; i < choices.Length; i++)
        {
            choices[i] = new ChoiceText(work.Request, work.Model);
            var logProbs = work.LogProbs();
            string echo = work.Echo(choices[i], i / work.Request.N, logProbs);
            if (work.Request.Echo)
            {
                await SendAsync(events, work, new CompletionChoice(i, echo, null, logProbs), cancellation);
            }
        }

        return choices;
    }

    private static Task SendAsync(ServerEvents events, CompletionWork work, ChoiceText[] choices, GenerationStep step, CancellationToken cancellation)
    {
        if (step.Finished is { } finished)
        {
            int ended = work.Index(step.Prompt, finished.SampleIndex);
            string rest = choices[ended].Rest(work.TextOf(finished));
            return SendAsync(events, work, new CompletionChoice(ended, rest, CompletionWork.ReasonOf(finished), null), cancellation);
        }

        var token = step.Token!.Value;
        int index = work.Index(step.Prompt, token.SampleIndex);
        var logProbs = work.LogProbs();
        string piece = choices[index].Append(new RankedToken(token.Id, token.LogProb), token.Top, logProbs);

        // A token that completes no character says nothing yet, unless its log-prob is wanted.
        return piece.Length > 0 || logProbs is not null
            ? SendAsync(events, work, new CompletionChoice(index, piece, null, logProbs), cancellation)
            : Task.CompletedTask;
    }

    private static Task SendAsync(ServerEvents events, CompletionWork work, CompletionChoice choice, CancellationToken cancellation) => events.SendAsync(
        json =>
        {
            work.Heading.WriteStart(json);
            CompletionJson.WriteChoice(json, choice);
            CompletionJson.WriteEnd(json, work.Request.IncludeUsage);
        },
        cancellation);

    private async Task CloseAsync(
        ServerEvents events, CompletionWork work, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn, CancellationToken cancellation)
    {
        var usage = work.Usage(drawn);
        if (!work.Request.DrawsNothing)
        {
            metrics.Sampled(work.Model.Name, usage.Prompt, usage.Completion);
            ServiceTracing.Drawn(usage.Prompt, drawn);
        }

        if (work.Request.IncludeUsage)
        {
            await events.SendAsync(
                json =>
                {
                    work.Heading.WriteStart(json);
                    CompletionJson.WriteEnd(json, usage);
                },
                cancellation);
        }

        await events.SendDoneAsync(cancellation);
    }
}
