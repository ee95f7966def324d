using System.Buffers;
using System.Text.Json;
using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Sampling;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary><c>POST /v1/completions</c>: the same checks, limits, engine and seeds as gRPC's Sample.</summary>
internal sealed class CompletionsCall(
    EngineHost models,
    ClientBudgets budgets,
    PromptScores scores,
    CompletionStream streams,
    ServiceState state,
    ServiceMetrics metrics,
    ServiceOptions options,
    TimeProvider time)
{
    /// <summary>Handles a request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        var request = CompletionRequestReader.Read(
            await RequestBody.ReadAsync(http.Request, options.MaxRequestBytes, http.RequestAborted), options.MaxPrompts, options.MaxStops);
        http.Features.Set(request); // for naming its fields in errors
        using var call = ModelCall.Open(models, state, http.RequestAborted, ("model", request.Model));
        CalledModel.Remember(http, call.Model.Name);
        var generator = call.Model.RequireGenerator("model");
        var caller = Caller.Of(http);
        var buffer = request.Stream ? new StreamBuffer<GenerationStep>(Capacity(request), call.GiveUp) : null;
        var plan = SampleRequests.Plan(
            request.ToSample(), call.Model, buffer is null ? null : step => buffer.TryWrite(step), caller.Name, request.DrawsNothing ? 0 : 1);
        using var share = budgets.Enter(caller, plan.Tokens);
        plan = plan.WhenAdmitted(share.Keep);
        ServiceTracing.Asked(call.Model.Name, plan.Batch);
        var promptScores = request is { Echo: true, LogProbs: true }
            ? await scores.ScoreAsync(call.Model, plan.Batch, request.TopLogProbs, call.Cancellation)
            : null;
        if (request.DrawsNothing)
        {
            share.Keep();                                    // no engine will tell
        }

        var work = new CompletionWork(request, call.Model, plan, promptScores, CompletionJson.For(call.Model, time));
        if (buffer is not null)
        {
            await streams.SendAsync(http, work, generator, buffer, call);
            return;
        }

        await ReplyAsync(http, work, await work.DrawAsync(generator, call.Cancellation), call.Cancellation);
    }

    // Where nothing is drawn all completions end at once, before anybody reads.
    private int Capacity(CompletionRequest request) => request.DrawsNothing
        ? (int)Math.Clamp((long)request.Prompts.Count * request.N, options.MaxStreamBuffer, int.MaxValue)
        : options.MaxStreamBuffer;

    // The call holds its model until the reply is sent: a reader that stalls must not keep a model that is to be unloaded.
    private Task ReplyAsync(
        HttpContext http, CompletionWork work, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn, CancellationToken cancellation)
    {
        var usage = work.Usage(drawn);
        if (!work.Request.DrawsNothing)
        {
            metrics.Sampled(work.Model.Name, usage.Prompt, usage.Completion);
            ServiceTracing.Drawn(usage.Prompt, drawn);
        }

        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            work.Heading.WriteStart(json);
            for (int prompt = 0; prompt < drawn.Count; prompt++)
            {
                foreach (var sequence in drawn[prompt])
                {
                    CompletionJson.WriteChoice(json, Choice(work, prompt, sequence));
                    CheckSize(json.BytesCommitted + json.BytesPending);
                }
            }

            CompletionJson.WriteEnd(json, usage);
        }

        return OpenAiReply.SendAsync(http, StatusCodes.Status200OK, body.WrittenMemory, cancellation);
    }

    private static CompletionChoice Choice(CompletionWork work, int prompt, GeneratedSequence sequence)
    {
        var text = new ChoiceText(work.Request, work.Model);
        var logProbs = work.LogProbs();
        string echo = work.Echo(text, prompt, logProbs);
        if (logProbs is not null)
        {
            for (int i = 0; i < sequence.Ids.Length; i++)
            {
                text.Append(new RankedToken(sequence.Ids[i], sequence.LogProbs[i]), sequence.Top?[i], logProbs);
            }
        }

        return new CompletionChoice(
            work.Index(prompt, sequence.SampleIndex), echo + work.TextOf(sequence), CompletionWork.ReasonOf(sequence), logProbs);
    }

    private void CheckSize(long bytes)
    {
        if (bytes > options.MaxReplyBytes)
        {
            // Not 429: clients try that again by themselves, and would have the same completions drawn in vain.
            throw OpenAiException.Protocol(
                StatusCodes.Status400BadRequest,
                StatusCode.ResourceExhausted,
                $"the reply has more than {options.MaxReplyBytes} bytes, the limit of one reply (Service:MaxReplyBytes). "
                + "Ask for fewer completions, or stream them.");
        }
    }
}
