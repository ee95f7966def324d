using Rudder.InferenceService.Engines;
using Rudder.InferenceService.Options;
using Rudder.InferenceService.Registry;
using Rudder.InferenceService.Services;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.OpenAi;

/// <summary>Log-probs of prompts, which echo with logprobs returns; always those of the fp32 graph.</summary>
internal sealed class PromptScores(ServiceMetrics metrics, ServiceOptions options)
{
    /// <summary>log p of each prompt's tokens from the second on, nats; nothing predicts the first.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompts">Prompts of at least one id.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="QueueFullException">Too much waits to be scored already.</exception>
    public async Task<IReadOnlyList<float[]>> ScoreAsync(LoadedModel model, IReadOnlyList<int[]> prompts, CancellationToken cancellation)
    {
        var scorer = RequestValidation.Scorer("model", model);
        ScoredSequence[] sequences = [.. prompts.Where(ids => ids.Length > 1).Select(ids => new ScoredSequence(ids[..1], ids[1..]))];
        var scores = new Queue<SequenceScore>(await InTurnAsync(model, scorer, sequences, cancellation));
        metrics.Scored(model.Name, sequences.Sum(sequence => 1L + sequence.CompletionIds.Length));
        return [.. prompts.Select(ids => ids.Length > 1 ? scores.Dequeue().TokenLogProbs : [])];
    }

    private async Task<IReadOnlyList<SequenceScore>> InTurnAsync(
        LoadedModel model, ISequenceScorer scorer, ScoredSequence[] sequences, CancellationToken cancellation)
    {
        if (sequences.Length == 0)
        {
            return [];
        }

        using var place = model.Scoring.Enter(sequences.Length, options.MaxQueue);
        await model.ScoringTurn.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() => scorer.Score(sequences, cancellation), cancellation);
        }
        finally
        {
            model.ScoringTurn.Release();
        }
    }
}
