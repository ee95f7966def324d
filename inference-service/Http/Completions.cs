using System.Text.Json;
using Grpc.Core;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary><c>POST /v1/completions</c>, with the same checks, limits, engine and seeds as gRPC's Sample.</summary>
internal sealed class Completions(
    EngineHost models,
    ClientBudgets budgets,
    ReplyBudget replies,
    ServiceState state,
    ServiceMetrics metrics,
    ServiceOptions options,
    TimeProvider time)
{
    /// <summary>Handles a request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        var request = await RequestJson.ReadAsync<CompletionRequest>(http.Request, http.RequestAborted);
        http.Features.Set(request);                          // for naming its fields in errors
        var generation = request.ToGeneration(Caller.Of(http).Name);
        using var call = ModelCall.Open(models, state, http, http.RequestAborted, ("model", request.Model!));
        await RunAsync(http, call, request, generation, (plan, scores) => new CompletionWork(request, call.Model, plan, scores, time.GetUtcNow()));
    }

    /// <summary>Plans, charges, draws and sends the completions of a call.</summary>
    /// <param name="http">The call.</param>
    /// <param name="call">Its model.</param>
    /// <param name="request">The request.</param>
    /// <param name="generation">The same for the engine.</param>
    /// <param name="form">Makes the work, which knows the form of the reply, from the plan and the scores of the prompts.</param>
    public async Task RunAsync(
        HttpContext http,
        ModelCall call,
        CompletionRequest request,
        GenerationRequest generation,
        Func<GenerationPlan, IReadOnlyList<SequenceScore>?, CompletionWork> form)
    {
        string model = call.Model.Description.Name;
        var buffer = request.Stream == true ? new StreamBuffer(Capacity(request), replies.Stream(http), call.GiveUp) : null;
        var plan = call.Model.Plan(
            generation, buffer is null ? null : step => buffer.TryWrite(step), scoresPrompts: request.Echo == true, drawsNothing: request.DrawsNothing);
        using var share = budgets.Enter(Caller.Of(http), plan.Tokens);
        ServiceTracing.Asked(model, plan);
        IReadOnlyList<SequenceScore>? scores = null;
        if (request is { Echo: true, Logprobs: not null })
        {
            scores = await call.Model.ScorePromptsAsync(plan, _ => share.Keep(), call.Cancellation);
            metrics.Scored(model, plan.Prompts.Sum(prompt => (long)prompt.PromptIds.Length));
        }

        if (request.DrawsNothing)
        {
            share.Keep();                                    // without the engine, nothing else admits the call
        }

        var work = form(plan, scores);
        if (buffer is not null)
        {
            await new CompletionStream(work, buffer, call, drawn => Count(work, drawn)).SendAsync(http, share.Keep);
            return;
        }

        var drawn = await work.DrawAsync(share.Keep, call.Cancellation);
        Count(work, drawn);
        await SendAsync(http, work.Reply(drawn), call.Cancellation);
    }

    // If nothing is sampled, all completions end before the first read.
    private int Capacity(CompletionRequest request) => request.DrawsNothing
        ? (int)Math.Clamp((long)request.Prompt!.Count * request.Samples, options.MaxStreamBuffer, int.MaxValue)
        : options.MaxStreamBuffer;

    private void Count(CompletionWork work, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn)
    {
        if (!work.Request.DrawsNothing)
        {
            var usage = work.Usage(drawn);
            metrics.Sampled(work.Model.Description.Name, usage.PromptTokens, usage.CompletionTokens);
            ServiceTracing.Drawn(usage.PromptTokens, drawn);
        }
    }

    /// <summary>Counts the reply's bytes, then writes it at the reader's speed. A stalled reader must not keep the model from unloading.</summary>
    private Task SendAsync(HttpContext http, object reply, CancellationToken cancellation)
    {
        long bytes = ReplyJson.Count(reply);
        if (bytes > options.MaxReplyBytes)
        {
            // Not 429: clients would retry and sample the same completions in vain.
            throw ApiException.Protocol(
                StatusCodes.Status400BadRequest,
                StatusCode.ResourceExhausted,
                $"the reply has {bytes} bytes; the limit is {options.MaxReplyBytes} (Service:MaxReplyBytes). Ask for fewer completions, or stream them.");
        }

        replies.Take(http, (int)bytes);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes;
        return JsonSerializer.SerializeAsync(http.Response.BodyWriter, reply, reply.GetType(), ReplyJson.Options, cancellation);
    }
}
