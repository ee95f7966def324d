using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Evaluation;

/// <summary>Divergence of a policy from its reference on the policy's own completions.</summary>
/// <param name="client">Service that holds both.</param>
/// <param name="policy">The policy.</param>
/// <param name="reference">The reference. With the policy's weights, KL is 0 by definition and nothing is asked.</param>
/// <exception cref="BadInputException">Both have the same weights at different precisions: a 0 would hide what the lower precision costs.</exception>
internal sealed class PolicyDivergence(InferenceClient client, ModelInfo policy, ModelInfo reference)
{
    private readonly bool _same = AreSame(policy, reference);

    /// <summary>One row a prompt, with rewards from <paramref name="groups"/> and divergences from the service.</summary>
    public async Task<IReadOnlyList<EvaluationRow>> MeasureAsync(IReadOnlyList<ScoredGroup> groups, CancellationToken cancel)
    {
        IEnumerable<Sequence> sequences = groups.SelectMany(
            group => group.Completions,
            (group, completion) => new Sequence { PromptIds = { group.Prompt.Ids }, CompletionIds = { completion.Drawn.Ids } });
        IReadOnlyList<SequenceDivergence> results = _same
            ? [.. sequences.Select(sequence => new SequenceDivergence { Tokens = sequence.CompletionIds.Count })]
            : await InputChunks.AskAsync(
                "Scoring.Divergence", sequences, sequence => sequence.CalculateSize(), chunk => AskAsync(chunk, cancel));
        Queue<SequenceDivergence> next = new(results);
        return
        [
            .. groups.Select(group => new EvaluationRow(
                group.Prompt.Id,
                group.Prompt.Text,
                [.. group.Completions.Select(completion => Join(completion, next.Dequeue()))])),
        ];
    }

    /// <summary>True where both have the same weights; the service computes log-probabilities from these in fp32, so their KL is 0.</summary>
    private static bool AreSame(ModelInfo policy, ModelInfo reference)
    {
        if (policy.Fingerprint != reference.Fingerprint)
        {
            return false;
        }

        if (policy.Precision != reference.Precision)
        {
            throw new BadInputException(
                $"Models '{policy.Name}' ({policy.Precision}) and '{reference.Name}' ({reference.Precision}) have the same weights; the service measures KL on fp32 log-probabilities, which would give 0. What int8 costs is in the export's report: trainer export --model FOLDER --set int8=true --json."
            );
        }

        return true;
    }

    private async Task<IReadOnlyList<SequenceDivergence>> AskAsync(Sequence[] sequences, CancellationToken cancel)
    {
        DivergenceRequest request = new()
        {
            Model = policy.Name,
            Reference = reference.Name,
            Sequences = { sequences },
        };
        DivergenceResponse measured = await client.DivergenceAsync(request, cancel);
        policy.RequireSame("Scoring.Divergence", measured.ModelFingerprint, measured.ModelPrecision);
        reference.RequireSame("Scoring.Divergence", measured.ReferenceFingerprint, measured.ReferencePrecision);
        return measured.Results;
    }

    private static EvaluatedCompletion Join(ScoredCompletion completion, SequenceDivergence divergence) =>
        new(
            completion.Drawn.Text, completion.Drawn.Ids.Count, completion.Drawn.FinishReason == FinishReason.Stop, completion.Score,
            divergence.KlSeqExact, divergence.KlSeqK1);
}
