using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Evaluation;

/// <summary>Divergence of a policy from its reference on the policy's own completions.</summary>
/// <param name="client">Service that holds both.</param>
/// <param name="policy">Name of the policy.</param>
/// <param name="reference">Name of the reference.</param>
/// <param name="same">True where both are the same weights: the divergence is 0 by definition and nothing is asked.</param>
internal sealed class PolicyDivergence(InferenceClient client, string policy, string reference, bool same)
{
    /// <summary>One row a prompt, with rewards from <paramref name="groups"/> and divergences from the service.</summary>
    public async Task<IReadOnlyList<EvaluationRow>> MeasureAsync(IReadOnlyList<ScoredGroup> groups, CancellationToken cancel)
    {
        DivergenceRequest request = new() { Model = policy, Reference = reference };
        request.Sequences.Add(
            groups.SelectMany(
                group => group.Completions,
                (group, completion) => new Sequence { PromptIds = { group.Prompt.Ids }, CompletionIds = { completion.Drawn.Ids } }
            )
        );
        IReadOnlyList<SequenceDivergence> results = same
            ? [.. request.Sequences.Select(sequence => new SequenceDivergence { Tokens = sequence.CompletionIds.Count })]
            : (await client.DivergenceAsync(request, cancel).ConfigureAwait(false)).Results;
        Queue<SequenceDivergence> next = new(results);
        return
        [
            .. groups.Select(group => new EvaluationRow(
                group.Prompt.Id,
                group.Prompt.Text,
                [.. group.Completions.Select(completion => Join(completion, next.Dequeue()))]
            )),
        ];
    }

    private static EvaluatedCompletion Join(ScoredCompletion completion, SequenceDivergence divergence) =>
        new(
            completion.Drawn.Text,
            completion.Drawn.Ids.Count,
            completion.Drawn.FinishReason == FinishReason.Stop,
            completion.Score,
            divergence.KlSeqExact,
            divergence.KlSeqK1
        );
}
