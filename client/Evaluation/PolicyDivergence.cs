using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Evaluation;

/// <summary>Divergence of a policy from its reference on the policy's own completions.</summary>
/// <param name="client">Service that holds both.</param>
/// <param name="policy">Name of the policy.</param>
/// <param name="reference">Name of the reference.</param>
/// <param name="same">True where both are one and the same (<see cref="AreSame"/>): KL is 0 by definition and nothing is asked.</param>
internal sealed class PolicyDivergence(InferenceClient client, string policy, string reference, bool same)
{
    /// <summary>One row a prompt, with rewards from <paramref name="groups"/> and divergences from the service.</summary>
    public async Task<IReadOnlyList<EvaluationRow>> MeasureAsync(IReadOnlyList<ScoredGroup> groups, CancellationToken cancel)
    {
        IEnumerable<Sequence> sequences = groups.SelectMany(
            group => group.Completions,
            (group, completion) => new Sequence { PromptIds = { group.Prompt.Ids }, CompletionIds = { completion.Drawn.Ids } }
        );
        IReadOnlyList<SequenceDivergence> results = same
            ? [.. sequences.Select(sequence => new SequenceDivergence { Tokens = sequence.CompletionIds.Count })]
            : await InputChunks.AskAsync<Sequence, SequenceDivergence>("Scoring.Divergence", sequences, chunk => AskAsync(chunk, cancel));
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

    /// <summary>True where two served models have the same weights; the service computes log-probabilities from these in fp32, so their KL is 0.</summary>
    /// <exception cref="InputException">The same weights at another precision: a 0 would hide what the lower precision costs.</exception>
    public static bool AreSame(ModelInfo policy, ModelInfo reference)
    {
        if (policy.Fingerprint != reference.Fingerprint)
        {
            return false;
        }

        if (policy.Precision != reference.Precision)
        {
            throw new InputException(
                $"Models '{policy.Name}' ({policy.Precision}) and '{reference.Name}' ({reference.Precision}) have the same weights; the service measures KL on fp32 log-probabilities, which would give 0. What int8 costs is in the export's report: trainer export --model FOLDER --set int8=true --json."
            );
        }

        return true;
    }

    private async Task<IReadOnlyList<SequenceDivergence>> AskAsync(Sequence[] sequences, CancellationToken cancel)
    {
        DivergenceRequest request = new()
        {
            Model = policy,
            Reference = reference,
            Sequences = { sequences },
        };
        return (await client.DivergenceAsync(request, cancel)).Results;
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
