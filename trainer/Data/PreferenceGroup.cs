namespace Rudder.Trainer.Data;

/// <summary>One prompt with its distinct completions and the preference pairs among them.</summary>
/// <param name="PromptId">The prompt's id in the pair file.</param>
/// <param name="PromptIds">Token ids of the prompt, at least one.</param>
/// <param name="Completions">At least one completion, two if there are pairs, in the order of their first appearance in the file.</param>
/// <param name="Pairs">Ordered pairs as indices into <paramref name="Completions"/>; none where completions are judged one by one.</param>
internal sealed record PreferenceGroup(
    string PromptId,
    int[] PromptIds,
    IReadOnlyList<GroupCompletion> Completions,
    IReadOnlyList<(int Chosen, int Rejected)> Pairs)
{
    /// <summary>Tokens of the longest sequence, prompt and completion together; batches pad to it.</summary>
    public int Longest { get; } = PromptIds.Length + Completions.Max(completion => completion.Ids.Length);
}

/// <summary>One sampled completion of a group.</summary>
/// <param name="Row">Its place among all completions of the data: the index of its reference log-prob.</param>
/// <param name="SampleIndex">Its number among the prompt's samples. Together with the prompt's id it identifies the completion.</param>
/// <param name="Ids">Token ids, at least one; an end-of-text id only where it was sampled.</param>
internal sealed record GroupCompletion(int Row, int SampleIndex, int[] Ids)
{
    /// <summary>Its score in the pair file; 0 where that has none.</summary>
    public double Score { get; init; }
}
