namespace Rudder.Trainer.Data;

/// <summary>Completions under the prompts of others. KTO computes its reference point z from them.</summary>
/// <remarks>
/// The completions of a group go under the next different prompt (in file order, the first follows the last), so that the choice does not
/// depend on batches and the reference's log-probs can be computed beforehand like all others.
/// </remarks>
internal sealed class MismatchedCompletions
{
    private readonly Dictionary<int, (PreferenceGroup Group, GroupCompletion Completion)> _byRow = [];

    /// <summary>Pairs up the groups of a data set. The new rows follow the rows of the data set's completions.</summary>
    /// <param name="data">At least two groups of different prompts.</param>
    /// <param name="maxLength">Maximum tokens of prompt and completion; a longer completion is cut to fit.</param>
    /// <exception cref="BadInputException">All prompts are equal.</exception>
    public MismatchedCompletions(PreferenceData data, int maxLength)
    {
        int[] others = NextDifferent(data.Groups);
        for (int i = 0; i < others.Length; i++)
        {
            PreferenceGroup other = data.Groups[others[i]];
            foreach (GroupCompletion own in data.Groups[i].Completions)
            {
                int room = Math.Min(own.Ids.Length, maxLength - other.PromptIds.Length);
                _byRow.Add(own.Row, (other, new GroupCompletion(data.Completions + _byRow.Count, -1, own.Ids[..room])));
            }
        }
    }

    /// <summary>All mismatched completions. Row numbers start at the data's number of completions.</summary>
    public IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> Rows => [.. _byRow.Values.OrderBy(row => row.Completion.Row)];

    /// <summary>All completions of the given groups under another prompt.</summary>
    public PreferenceBatch Of(IEnumerable<PreferenceGroup> groups) => Of(groups.SelectMany(group => group.Completions));

    /// <summary>The given completions under another prompt.</summary>
    public PreferenceBatch Of(IEnumerable<GroupCompletion> completions) =>
        PreferenceBatch.OfCompletions([.. completions.Select(completion => _byRow[completion.Row])]);

    /// <summary>For each group, the next one whose prompt has other ids. Two groups may hold the same prompt under different names.</summary>
    private static int[] NextDifferent(IReadOnlyList<PreferenceGroup> groups)
    {
        int count = groups.Count;
        int last = Enumerable.Range(0, count).FirstOrDefault(i => Differs(i), -1);
        if (last < 0)
        {
            throw new BadInputException(
                $"KTO compares completions with other prompts, and the data holds {(count == 1 ? "1 prompt" : $"{count} prompts, all equal")}; "
                + "give at least 2 that differ.");
        }

        var next = new int[count];
        for (int back = 0; back < count; back++)
        {
            int i = (last - back + count) % count;
            next[i] = Differs(i) ? (i + 1) % count : next[(i + 1) % count];
        }

        return next;

        bool Differs(int i) => !groups[i].PromptIds.AsSpan().SequenceEqual(groups[(i + 1) % count].PromptIds);
    }
}
