using Grpc.Core;
using Rudder.Engine;
using Rudder.Inference.V1;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Samples completions: one whole reply, or a stream of tokens.</summary>
internal sealed class SamplingService(
    EngineHost models, ClientBudgets budgets, ReplyBudget replies, ServiceOptions options, ServiceState state, ServiceMetrics metrics)
    : Inference.V1.Sampling.SamplingBase
{
    private static readonly TimeSpan WriteGrace = TimeSpan.FromSeconds(2);

    public override async Task<SampleResponse> Sample(SampleRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var model = call.Model.Description;
        var caller = Caller.Of(context.GetHttpContext());
        var plan = call.Model.Plan(SampleRequests.ToGeneration(request, caller.Name));
        using var share = budgets.Enter(caller, plan.Tokens);
        ServiceTracing.Asked(model.Name, plan);
        var drawn = await call.Model.GenerateAsync(plan, share.Keep, call.Cancellation);
        var response = new SampleResponse { Fingerprint = model.Fingerprint, Precision = ModelsService.PrecisionOf(model), Usage = Count(model, plan, drawn) };
        for (int prompt = 0; prompt < drawn.Count; prompt++)
        {
            response.Completions.AddRange(drawn[prompt].Select(sequence => Completion(request, plan, prompt, sequence)));
        }

        return response;
    }

    public override async Task SampleStream(
        SampleRequest request, IServerStreamWriter<SampleStreamResponse> responseStream, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var model = call.Model.Description;
        var caller = Caller.Of(context.GetHttpContext());
        var progress = new StreamBuffer(options.MaxStreamBuffer, replies.Stream(context.GetHttpContext()), call.GiveUp);
        var plan = call.Model.Plan(SampleRequests.ToGeneration(request, caller.Name), step => progress.TryWrite(step));
        using var share = budgets.Enter(caller, plan.Tokens);
        ServiceTracing.Asked(model.Name, plan);
        var generation = call.Model.GenerateAsync(plan, share.Keep, call.Cancellation);
        progress.CompleteAfter(generation);
        var texts = new StreamedTexts(call.Model);
        try
        {
            await foreach (var step in progress.ReadAllAsync(call.Cancellation))
            {
                var next = step.Token is { } token ? TokenEvent(step.Prompt, token, texts.Append(step))
                    : new SampleStreamResponse { Finished = Completion(request, plan, step.Prompt, step.Finished!) };
                await WriteAsync(responseStream, next, call.Cancellation);
            }

            var end = new StreamEnd { Usage = Count(model, plan, await generation), Fingerprint = model.Fingerprint, Precision = ModelsService.PrecisionOf(model) };
            await WriteAsync(responseStream, new SampleStreamResponse { End = end }, call.Cancellation);
        }
        catch (OperationCanceledException) when (progress.Overflow is { } overflow)
        {
            throw overflow;
        }
        finally
        {
            // The work ends before the lease is returned, even if the reader has gone.
            await call.CancelAsync();
            await ((Task)generation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Writes an event. A slow reader cannot keep the call from ending.</summary>
    /// <remarks>The write takes no token: gRPC resets the stream when one fires, and the status would never arrive.</remarks>
    private static async Task WriteAsync(
        IServerStreamWriter<SampleStreamResponse> stream, SampleStreamResponse message, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var write = stream.WriteAsync(message);
        try
        {
            await write.WaitAsync(cancellation);
        }
        catch (Exception) when (cancellation.IsCancellationRequested)
        {
            // A write in progress must finish before the call ends: ending both at once can lose the status. A write that waits for
            // the reader is abandoned and ends with the stream. Its result is ignored.
            await ((Task)write.WaitAsync(WriteGrace)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _ = write.ContinueWith(
                static left => left.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw new OperationCanceledException(cancellation);
        }
    }

    private static SampleStreamResponse TokenEvent(int prompt, DrawnToken token, string text) => new()
    {
        Token = new TokenDrawn
        {
            PromptIndex = prompt,
            SampleIndex = token.SampleIndex,
            Id = token.Id,
            LogProb = token.LogProb,
            TopLogProbs = token.Top is { } top ? Ranked(top) : null,
            Text = text,
        },
    };

    private static TopLogProbs Ranked(RankedToken[] tokens)
    {
        var ranked = new TopLogProbs();
        ranked.Ids.AddRange(tokens.Select(token => token.Id));
        ranked.LogProbs.AddRange(tokens.Select(token => token.LogProb));
        return ranked;
    }

    private static Completion Completion(SampleRequest request, GenerationPlan plan, int prompt, GeneratedSequence sequence)
    {
        var completion = new Completion
        {
            PromptIndex = prompt,
            SampleIndex = sequence.SampleIndex,
            Text = plan.TextOf(sequence),
            SumLogProb = sequence.LogProbs.Sum(value => (double)value),
            FinishReason = sequence.End == GenerationEnd.Stop ? FinishReason.Stop : FinishReason.Length,
            Seed = sequence.Seed,
        };
        completion.Ids.AddRange(sequence.Ids);
        completion.PromptIds.AddRange(plan.Prompts[prompt].PromptIds);
        if (request.Logprobs)
        {
            completion.TokenLogProbs.AddRange(sequence.LogProbs);
        }

        if (sequence.Top is { } top)
        {
            completion.TopLogProbs.AddRange(top.Select(Ranked));
        }

        return completion;
    }

    private Usage Count(ModelDescription model, GenerationPlan plan, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn)
    {
        var usage = new Usage
        {
            PromptTokens = plan.Prompts.Sum(prompt => prompt.PromptIds.Length),
            CompletionTokens = drawn.Sum(sequences => sequences.Sum(sequence => sequence.Ids.Length)),
        };
        metrics.Sampled(model.Name, usage.PromptTokens, usage.CompletionTokens);
        ServiceTracing.Drawn(usage.PromptTokens, drawn);
        return usage;
    }
}
