namespace Rudder.Trainer.Data;

/// <summary>Completions under the prompts of others. KTO computes its reference point z from them.</summary>
/// <remarks>
/// A completion of group i goes under the prompt of group i + 1 (in file order, the last under the first), so that the choice does not
/// depend on batches and the reference's log-probs can be computed beforehand like all others.
/// </remarks>
internal sealed class MismatchedCompletions
{
    private readonly Dictionary<int, (PreferenceGroup Group, GroupCompletion Completion)> _byRow = [];

    /// <summary>Pairs up the groups of a data set. The new rows follow the rows of the data set's completions.</summary>
    /// <param name="data">At least two groups.</param>
    /// <param name="maxLength">Maximum tokens of prompt and completion; a longer completion is cut to fit.</param>
    /// <param name="all">Whether all completions of a group are used, or only its first.</param>
    public MismatchedCompletions(PreferenceData data, int maxLength, bool all = false)
    {
        int count = data.Groups.Count;
        if (count < 2)
        {
            throw new BadInputException($"KTO compares completions with other prompts, and the data holds {count} prompt; give at least 2.");
        }

        for (int i = 0; i < count; i++)
        {
            PreferenceGroup other = data.Groups[(i + 1) % count];
            foreach (GroupCompletion own in data.Groups[i].Completions.Take(all ? int.MaxValue : 1))
            {
                int room = Math.Min(own.Ids.Length, maxLength - other.PromptIds.Length);
                _byRow.Add(own.Row, (other, new GroupCompletion(data.Completions + _byRow.Count, -1, own.Ids[..room])));
            }
        }
    }

    /// <summary>All mismatched completions. Row numbers start at the data's number of completions.</summary>
    public IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> Rows => [.. _byRow.Values.OrderBy(row => row.Completion.Row)];

    /// <summary>The first completion of each group under another prompt.</summary>
    public PreferenceBatch Of(IEnumerable<PreferenceGroup> groups) => Of(groups.Select(group => group.Completions[0]));

    /// <summary>The given completions under another prompt.</summary>
    public PreferenceBatch Of(IEnumerable<GroupCompletion> completions) =>
        PreferenceBatch.OfCompletions([.. completions.Select(completion => _byRow[completion.Row])]);
}
