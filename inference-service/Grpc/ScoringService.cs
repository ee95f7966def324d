using Grpc.Core;
using Rudder.Engine;
using Rudder.Inference.V1;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Classifies texts, scores completions, and measures the divergence of a policy from its reference.</summary>
internal sealed class ScoringService(EngineHost models, ClientBudgets budgets, ServiceState state, ServiceMetrics metrics) : Scoring.ScoringBase
{
    public override async Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var model = call.Model.Description;
        var caller = Caller.Of(context.GetHttpContext());
        long read = 0;
        var results = await call.Model.ClassifyAsync(
            [.. request.Inputs.Select(Input)], caller.Name, tokens => call.Pay(budgets, caller, read = tokens), call.Cancellation);
        metrics.Scored(model.Name, read);
        var response = new ClassifyResponse { Fingerprint = model.Fingerprint, Precision = ModelsService.PrecisionOf(model), Labels = { model.Labels } };
        response.Results.AddRange(results.Select(result => new Classification { Windows = result.Windows, Probabilities = { result.Probabilities } }));
        return response;
    }

    public override async Task<LogProbsResponse> LogProbs(LogProbsRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var model = call.Model.Description;
        var caller = Caller.Of(context.GetHttpContext());
        long read = 0;
        var scores = await call.Model.ScoreAsync(
            Sequences(request.Sequences), caller.Name, tokens => call.Pay(budgets, caller, read = tokens), call.Cancellation);
        metrics.Scored(model.Name, read);
        var response = new LogProbsResponse { Fingerprint = model.Fingerprint, Precision = ModelsService.PrecisionOf(model) };
        response.Results.AddRange(scores.Select(score => new SequenceLogProbs { Sum = score.Sum, TokenLogProbs = { score.TokenLogProbs } }));
        return response;
    }

    public override async Task<DivergenceResponse> Divergence(DivergenceRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model), ("reference", request.Reference));
        var (model, reference) = (call.Model.Description, call.Reference.Description);
        var caller = Caller.Of(context.GetHttpContext());
        long read = 0;                                       // by both models
        var scores = await call.Model.DivergeAsync(
            call.Reference, Sequences(request.Sequences), caller.Name, tokens => call.Pay(budgets, caller, read = tokens), call.Cancellation);
        metrics.Scored(model.Name, read / 2);
        metrics.Scored(reference.Name, read / 2);
        var response = new DivergenceResponse
        {
            ModelFingerprint = model.Fingerprint,
            ModelPrecision = ModelsService.PrecisionOf(model),
            ReferenceFingerprint = reference.Fingerprint,
            ReferencePrecision = ModelsService.PrecisionOf(reference),
        };
        response.Results.AddRange(scores.Select(score => new SequenceDivergence
        {
            KlSeqExact = score.KlExact,
            KlSeqK1 = score.KlK1,
            Tokens = score.Tokens,
            ModelLogProb = score.ModelLogProb,
            ReferenceLogProb = score.ReferenceLogProb,
        }));
        return response;
    }

    private static ClassifierInput Input(ClassifyInput input) => new(
        input.ContentCase == ClassifyInput.ContentOneofCase.Text ? input.Text : null,
        input.ContentCase == ClassifyInput.ContentOneofCase.Ids ? input.Ids.Ids : null);

    private static ScoredSequence[] Sequences(IReadOnlyList<Sequence> sequences) =>
        [.. sequences.Select((sequence, i) => sequence.CompletionIds.Count > 0
            ? new ScoredSequence([.. sequence.PromptIds], [.. sequence.CompletionIds])
            : throw new RequestFault($"sequences[{i}].completion_ids", "has 0 ids", "it takes at least 1", ""))];
}
