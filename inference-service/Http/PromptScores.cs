using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary>Log-probs of prompts for echo with logprobs; always from the fp32 graph.</summary>
internal sealed class PromptScores(ServiceMetrics metrics, ServiceOptions options)
{
    /// <summary>Scores each prompt's tokens from the second on; the first has no prediction.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Prompts of at least one id. Admission calls its <c>OnAdmitted</c>.</param>
    /// <param name="top">Number of most probable tokens at each position; 0: none.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="RequestFault">The scoring queue is full.</exception>
    public async Task<IReadOnlyList<SequenceScore>> ScoreAsync(LoadedModel model, GenerationBatch batch, int top, CancellationToken cancellation)
    {
        int[][] prompts = [.. batch.Prompts.Select(prompt => prompt.PromptIds)];
        ScoredSequence[] sequences =
            [.. prompts.Where(ids => ids.Length > 1).Select(ids => new ScoredSequence(ids[..1], ids[1..]) { TopLogProbs = top })];
        var scores = new Queue<SequenceScore>(await InTurnAsync(model, batch, sequences, cancellation));
        metrics.Scored(model.Name, sequences.Sum(sequence => 1L + sequence.CompletionIds.Length));
        return [.. prompts.Select(ids => ids.Length > 1 ? scores.Dequeue() : new SequenceScore(0, []))];
    }

    private async Task<IReadOnlyList<SequenceScore>> InTurnAsync(
        LoadedModel model, GenerationBatch batch, ScoredSequence[] sequences, CancellationToken cancellation)
    {
        var scorer = model.RequireScorer("model");
        if (sequences.Length == 0)
        {
            return [];
        }

        using var place = model.Scoring.Enter(sequences.Length, options.MaxQueue);
        cancellation.ThrowIfCancellationRequested();
        batch.OnAdmitted?.Invoke();
        return await ScoringInTurns.RunAsync([model], batch.Client, sequences, part => scorer.Score(part, cancellation), cancellation);
    }
}
