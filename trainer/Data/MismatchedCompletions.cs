namespace Rudder.Trainer.Data;

/// <summary>Completions paired with another prompt, one per group. KTO computes its reference point z from them.</summary>
/// <remarks>
/// Group i contributes its first completion under the prompt of group i + 1 (in file order, the last under the first), so that the
/// choice does not depend on batches and the reference's log-probs can be computed beforehand like all others.
/// </remarks>
internal sealed class MismatchedCompletions
{
    private readonly Dictionary<string, (PreferenceGroup Group, GroupCompletion Completion)> _byPrompt = new(StringComparer.Ordinal);

    /// <summary>Pairs up the groups of a data set. Their rows follow the rows of the data set's completions.</summary>
    /// <param name="data">At least two groups.</param>
    /// <param name="maxLength">Maximum tokens of prompt and completion; a longer completion is cut to fit.</param>
    public MismatchedCompletions(PreferenceData data, int maxLength)
    {
        int count = data.Groups.Count;
        if (count < 2)
        {
            throw new BadInputException($"loss \"kto\" compares completions with other prompts, and the pairs hold {count} prompt; give at least 2.");
        }

        List<(PreferenceGroup Group, GroupCompletion Completion)> rows = [];
        for (int i = 0; i < count; i++)
        {
            PreferenceGroup other = data.Groups[(i + 1) % count];
            int[] ids = data.Groups[i].Completions[0].Ids;
            int room = Math.Min(ids.Length, maxLength - other.PromptIds.Length);
            rows.Add((other, new GroupCompletion(data.Completions + i, -1, ids[..room])));
            _byPrompt.Add(data.Groups[i].PromptId, rows[i]);
        }

        Rows = rows;
    }

    /// <summary>All mismatched completions. Row numbers start at the data's number of completions.</summary>
    public IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> Rows { get; }

    /// <summary>The mismatched completions of the given groups.</summary>
    public PreferenceBatch Of(IEnumerable<PreferenceGroup> groups) => PreferenceBatch.OfCompletions([.. groups.Select(group => _byPrompt[group.PromptId])]);
}
