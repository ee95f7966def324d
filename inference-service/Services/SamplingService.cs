using System.Threading.Channels;
using Grpc.Core;
using Rudder.Inference.V1;
using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Lifetime;
using Rudder.InferenceService.Registry;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Services;

/// <summary>Draws completions: the whole reply at once, or each token as it is drawn.</summary>
internal sealed class SamplingService(ModelRegistry models, SampleRequests requests, ServiceState state, ServiceMetrics metrics)
    : Inference.V1.Sampling.SamplingBase
{
    public override async Task<SampleResponse> Sample(SampleRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var generator = RequestValidation.Generator("model", call.Model);
        var plan = requests.Plan(request, call.Model, onToken: null);
        var drawn = await generator.GenerateAsync(plan.Batch, call.Cancellation);
        var response = new SampleResponse { Fingerprint = call.Model.Fingerprint };
        response.Completions.AddRange(Completions(request, call.Model, plan, drawn));
        response.Usage = Count(call.Model, plan, response.Completions);
        return response;
    }

    public override async Task SampleStream(
        SampleRequest request, IServerStreamWriter<SampleStreamResponse> responseStream, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var generator = RequestValidation.Generator("model", call.Model);

        // Unbounded, but holds no more than the request's own tokens: the engine's thread must never wait for a slow reader.
        var events = Channel.CreateUnbounded<SampleStreamResponse>(new UnboundedChannelOptions { SingleReader = true });
        var plan = requests.Plan(request, call.Model, (prompt, token) => events.Writer.TryWrite(TokenEvent(prompt, token)));
        var generation = GenerateAsync();
        try
        {
            await foreach (var next in events.Reader.ReadAllAsync(call.Cancellation))
            {
                await responseStream.WriteAsync(next, call.Cancellation);
            }
        }
        finally
        {
            // The model's lease must outlive the work, also when the reader has gone.
            await call.CancelAsync();
            await generation;
        }

        async Task GenerateAsync()
        {
            try
            {
                var drawn = await generator.GenerateAsync(plan.Batch, call.Cancellation);
                var completions = Completions(request, call.Model, plan, drawn).ToList();
                completions.ForEach(completion => events.Writer.TryWrite(new SampleStreamResponse { Finished = completion }));
                var end = new StreamEnd { Usage = Count(call.Model, plan, completions), Fingerprint = call.Model.Fingerprint };
                events.Writer.TryWrite(new SampleStreamResponse { End = end });
                events.Writer.Complete();
            }
            catch (Exception exception)
            {
                // Thrown again where the events are read.
                events.Writer.Complete(exception);
            }
        }
    }

    private static SampleStreamResponse TokenEvent(int prompt, DrawnToken token) => new()
    {
        Token = new TokenDrawn { PromptIndex = prompt, SampleIndex = token.SampleIndex, Id = token.Id, LogProb = token.LogProb },
    };

    private static IEnumerable<Completion> Completions(
        SampleRequest request, LoadedModel model, SamplePlan plan, IReadOnlyList<IReadOnlyList<GeneratedSequence>> drawn)
    {
        for (int prompt = 0; prompt < drawn.Count; prompt++)
        {
            foreach (var sequence in drawn[prompt])
            {
                var completion = new Completion
                {
                    PromptIndex = prompt,
                    SampleIndex = sequence.SampleIndex,
                    Text = model.Tokenizer is null ? "" : plan.Stop.Cut(model.Tokenizer.Decode(sequence.Ids)),
                    SumLogProb = sequence.LogProbs.Sum(value => (double)value),
                    FinishReason = sequence.End == GenerationEnd.Stop ? FinishReason.Stop : FinishReason.Length,
                    Seed = sequence.Seed,
                };
                completion.Ids.AddRange(sequence.Ids);
                completion.PromptIds.AddRange(plan.Batch.Prompts[prompt].PromptIds);
                if (request.Logprobs)
                {
                    completion.TokenLogProbs.AddRange(sequence.LogProbs);
                }

                yield return completion;
            }
        }
    }

    private Usage Count(LoadedModel model, SamplePlan plan, IEnumerable<Completion> completions)
    {
        var usage = new Usage
        {
            PromptTokens = plan.Batch.Prompts.Sum(prompt => prompt.PromptIds.Length),
            CompletionTokens = completions.Sum(completion => completion.Ids.Count),
        };
        metrics.Sampled(model.Name, usage.PromptTokens, usage.CompletionTokens);
        return usage;
    }
}
