using System.Text.Json;
using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary><c>POST /v1/completions</c>: the checks, limits, engine and seeds of gRPC's Sample.</summary>
internal sealed class Completions(
    EngineHost models,
    ClientBudgets budgets,
    ReplyBudget replies,
    PromptScores scores,
    ServiceState state,
    ServiceMetrics metrics,
    ServiceOptions options,
    TimeProvider time)
{
    /// <summary>Handles a request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        var request = await RequestBody.ReadAsync(http.Request, options.MaxRequestBytes, http.RequestAborted);
        http.Features.Set(request);                          // for naming its fields in errors
        var caller = Caller.Of(http);
        var generation = request.ToGeneration(caller.Name);
        using var call = ModelCall.Open(models, state, http.RequestAborted, ("model", request.Model!));
        CalledModel.Remember(http, call.Model.Name);
        var generator = call.Model.RequireGenerator("model");
        var buffer = request.Stream == true ? new StreamBuffer<GenerationStep>(Capacity(request), call.GiveUp) : null;
        var plan = GenerationPlanner.Plan(
            generation, call.Model, buffer is null ? null : step => buffer.TryWrite(step), least: request.DrawsNothing ? 0 : 1);
        using var share = budgets.Enter(caller, plan.Tokens);
        plan = plan.WhenAdmitted(share.Keep);
        ServiceTracing.Asked(call.Model.Name, plan.Batch);
        var promptScores = request is { Echo: true, Logprobs: { } top }
            ? await scores.ScoreAsync(call.Model, plan.Batch, top, call.Cancellation)
            : null;
        if (request.DrawsNothing)
        {
            share.Keep();                                    // no engine admits it
        }

        var work = new CompletionWork(request, call.Model, plan, promptScores, time.GetUtcNow());
        if (buffer is not null)
        {
            await new CompletionStream(work, buffer, call, drawn => Count(work, drawn)).SendAsync(http, generator);
            return;
        }

        var drawn = await work.DrawAsync(generator, call.Cancellation);
        Count(work, drawn);
        await SendAsync(http, work.Reply(drawn), call.Cancellation);
    }

    // If nothing is drawn, all completions end before the first read.
    private int Capacity(CompletionRequest request) => request.DrawsNothing
        ? (int)Math.Clamp((long)request.Prompt!.Count * request.Samples, options.MaxStreamBuffer, int.MaxValue)
        : options.MaxStreamBuffer;

    private void Count(CompletionWork work, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn)
    {
        if (!work.Request.DrawsNothing)
        {
            var usage = work.Usage(drawn);
            metrics.Sampled(work.Model.Name, usage.PromptTokens, usage.CompletionTokens);
            ServiceTracing.Drawn(usage.PromptTokens, drawn);
        }
    }

    /// <summary>Counts the reply's bytes first, and then writes it as fast as the reader takes it.</summary>
    /// <param name="http">The request.</param>
    /// <param name="reply">The reply.</param>
    /// <param name="cancellation">Gives up a reader that stalls: it must not keep a model that is being unloaded.</param>
    private Task SendAsync(HttpContext http, CompletionReply reply, CancellationToken cancellation)
    {
        long bytes = ReplyJson.Count(reply);
        if (bytes > options.MaxReplyBytes)
        {
            // Not 429: clients retry that, and would have the same completions drawn in vain.
            throw ApiException.Protocol(
                StatusCodes.Status400BadRequest,
                StatusCode.ResourceExhausted,
                $"the reply has {bytes} bytes; the limit is {options.MaxReplyBytes} (Service:MaxReplyBytes). Ask for fewer completions, or stream them.");
        }

        replies.Take(http, (int)bytes);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes;
        return JsonSerializer.SerializeAsync(http.Response.BodyWriter, reply, ReplyJson.Options, cancellation);
    }
}
