using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary>Log-probs of prompts for echo with logprobs; always from the fp32 graph.</summary>
internal sealed class PromptScores(ServiceMetrics metrics, ServiceOptions options)
{
    /// <summary>The score of each prompt's tokens from the second on; nothing predicts the first.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Prompts of at least one id; its <c>OnAdmitted</c> is called when the scoring is admitted.</param>
    /// <param name="top">Most probable tokens at each place; 0: none.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <exception cref="RequestFault">Too much waits to be scored already.</exception>
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
