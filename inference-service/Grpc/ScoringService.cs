using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Inference.V1;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Classifies texts, scores completions, and measures the divergence of a policy from its reference.</summary>
internal sealed class ScoringService(
    EngineHost models, EngineOptions options, ClientBudgets budgets, ServiceState state, ServiceMetrics metrics)
    : Scoring.ScoringBase
{
    public override async Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var classifier = call.Model.RequireClassifier("model");
        RequestLimits.Count("inputs", request.Inputs.Count, options.MaxInputs);
        var inputs = request.Inputs.Select((input, i) => Input($"inputs[{i}]", input, call.Model)).ToList();
        long tokens = inputs.Sum(input => (long)input.Ids.Length);
        using var place = Place(call.Model, inputs.Count);
        var caller = Caller.Of(context.GetHttpContext());
        using var share = Pay(caller, tokens, call.Cancellation);
        var results = await classifier.ClassifyAsync(inputs, caller.Name, call.Cancellation);
        metrics.Scored(call.Model.Name, tokens);
        var response = new ClassifyResponse { Fingerprint = call.Model.Fingerprint, Precision = ModelsService.PrecisionOf(call.Model) };
        response.Labels.AddRange(classifier.Labels);
        response.Results.AddRange(results.Select(result =>
        {
            var classification = new Classification { Windows = result.Windows };
            classification.Probabilities.AddRange(result.Probabilities);
            return classification;
        }));
        return response;
    }

    public override async Task<LogProbsResponse> LogProbs(LogProbsRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model));
        var scorer = call.Model.RequireScorer("model");
        var sequences = Sequences(request.Sequences, call.Model);
        using var place = Place(call.Model, sequences.Count);
        var caller = Caller.Of(context.GetHttpContext());
        using var share = Pay(caller, Tokens(sequences), call.Cancellation);
        var scores = await ScoringInTurns.RunAsync(
            [call.Model], caller.Name, sequences, part => scorer.Score(part, call.Cancellation), call.Cancellation);
        metrics.Scored(call.Model.Name, Tokens(sequences));
        var response = new LogProbsResponse { Fingerprint = call.Model.Fingerprint, Precision = ModelsService.PrecisionOf(call.Model) };
        response.Results.AddRange(scores.Select(score =>
        {
            var result = new SequenceLogProbs { Sum = score.Sum };
            result.TokenLogProbs.AddRange(score.TokenLogProbs);
            return result;
        }));
        return response;
    }

    public override async Task<DivergenceResponse> Divergence(DivergenceRequest request, ServerCallContext context)
    {
        using var call = ModelCall.Open(models, state, context, ("model", request.Model), ("reference", request.Reference));
        var policy = call.Model.RequireScorer("model");
        var reference = call.Reference.RequireScorer("reference");
        if (call.Model.Vocabulary != call.Reference.Vocabulary)
        {
            throw new RequestFault(
                "reference",
                $"is '{call.Reference.Name}' with {call.Reference.Vocabulary} ids",
                $"model '{call.Model.Name}' has {call.Model.Vocabulary} and both must share one vocabulary",
                "");
        }

        var sequences = Sequences(request.Sequences, call.Model);
        Sequences(request.Sequences, call.Reference); // its context may be shorter
        using var place = Place(call.Model, sequences.Count);
        using var referencePlace = ReferenceEquals(call.Model, call.Reference) ? null : Place(call.Reference, sequences.Count);
        var caller = Caller.Of(context.GetHttpContext());
        using var share = Pay(caller, 2 * Tokens(sequences), call.Cancellation); // both models read them
        var scores = await ScoringInTurns.RunAsync(
            [call.Model, call.Reference], caller.Name, sequences, part => policy.Diverge(reference, part, call.Cancellation), call.Cancellation);
        metrics.Scored(call.Model.Name, Tokens(sequences));
        metrics.Scored(call.Reference.Name, Tokens(sequences));
        var response = new DivergenceResponse
        {
            ModelFingerprint = call.Model.Fingerprint,
            ModelPrecision = ModelsService.PrecisionOf(call.Model),
            ReferenceFingerprint = call.Reference.Fingerprint,
            ReferencePrecision = ModelsService.PrecisionOf(call.Reference),
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

    /// <summary>Takes a place for a call in the model's queue. This precedes the charge, so that a refusal costs nothing.</summary>
    private IDisposable Place(LoadedModel model, int sequences) => model.Scoring.Enter(sequences, options.MaxQueuedSequences);

    /// <summary>Charges an admitted call, unless its caller has gone.</summary>
    private ClientShare Pay(Caller caller, long tokens, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var share = budgets.Enter(caller, tokens);
        share.Keep();
        return share;
    }

    private static ClassifierInput Input(string field, ClassifyInput input, LoadedModel model) => input.ContentCase switch
    {
        ClassifyInput.ContentOneofCase.Text => new ClassifierInput(model.Encode($"{field}.text", input.Text), IsText: true),
        ClassifyInput.ContentOneofCase.Ids => new ClassifierInput([.. input.Ids.Ids], IsText: false),
        _ => throw new RequestFault(field, "holds neither text nor ids", "", "Set one of them."),
    };

    private List<ScoredSequence> Sequences(IReadOnlyList<Sequence> sequences, LoadedModel model)
    {
        RequestLimits.Count("sequences", sequences.Count, options.MaxInputs);
        return [.. sequences.Select((sequence, i) => Sequence($"sequences[{i}]", sequence, model))];
    }

    // This check precedes the place and the charge. The scorer checks again, but by then the call is charged.
    private static ScoredSequence Sequence(string field, Sequence sequence, LoadedModel model)
    {
        if (sequence.CompletionIds.Count == 0)
        {
            throw new RequestFault($"{field}.completion_ids", "has 0 ids", "it takes at least 1", "");
        }

        var scored = new ScoredSequence([.. sequence.PromptIds], [.. sequence.CompletionIds]);
        RequestLimits.Sequence(field, scored, model.Vocabulary, model.Context);
        return scored;
    }

    private static long Tokens(IEnumerable<ScoredSequence> sequences) =>
        sequences.Sum(sequence => (long)sequence.PromptIds.Length + sequence.CompletionIds.Length);
}
