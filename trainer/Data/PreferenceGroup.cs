namespace Rudder.Trainer.Data;

/// <summary>One prompt with the completions that its preference pairs name, each held once.</summary>
/// <param name="PromptId">The prompt's id in the pair file.</param>
/// <param name="PromptIds">Token ids of the prompt, at least one.</param>
/// <param name="Completions">Completions in the order in which the file first names them; at least two.</param>
/// <param name="Pairs">Ordered pairs as indices into <paramref name="Completions"/>; at least one.</param>
internal sealed record PreferenceGroup(
    string PromptId,
    int[] PromptIds,
    IReadOnlyList<GroupCompletion> Completions,
    IReadOnlyList<(int Chosen, int Rejected)> Pairs)
{
    /// <summary>Tokens of the longest sequence, prompt and completion together: what padding costs a batch.</summary>
    public int Longest { get; } = PromptIds.Length + Completions.Max(completion => completion.Ids.Length);
}

/// <summary>One sampled completion of a group.</summary>
/// <param name="Row">Its place among all completions of the data: the index of its reference log-prob.</param>
/// <param name="SampleIndex">Which of the prompt's samples it is; with the prompt's id it names the completion.</param>
/// <param name="Ids">Token ids, at least one; an end-of-text id only where it was sampled.</param>
internal sealed record GroupCompletion(int Row, int SampleIndex, int[] Ids);
