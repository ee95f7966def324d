namespace Rudder.Trainer.Data;

/// <summary>How a batch arranges its completions for the policy.</summary>
internal enum BatchMode
{
    /// <summary>Each completion is one row and pairs refer to rows: n rows for n(n−1)/2 pairs.</summary>
    Group,

    /// <summary>Two rows per pair: a completion in n−1 pairs runs n−1 times. The usual layout, kept for comparison.</summary>
    Pair,
}

/// <summary>The rows of one forward pass as flat arrays: token ids, completion positions, and the rows of each pair.</summary>
/// <remarks>
/// B = rows, T = padded length, N = completion tokens of all rows, L = longest completion, P = pairs. The last token of a
/// sequence predicts nothing that is scored, so it is not an input: T = longest sequence − 1. Padding is on the right, where a
/// causal model cannot see it.
/// </remarks>
internal sealed class PreferenceBatch
{
    private PreferenceBatch(IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> rows, long[] chosen, long[] rejected)
    {
        Rows = rows.Count;
        Length = rows.Max(row => row.Group.PromptIds.Length + row.Completion.Ids.Length) - 1;
        Longest = rows.Max(row => row.Completion.Ids.Length);
        Tokens = rows.Sum(row => row.Group.PromptIds.Length + row.Completion.Ids.Length);
        int scored = rows.Sum(row => row.Completion.Ids.Length);
        InputIds = new long[Rows * Length];
        Positions = new long[scored];
        Targets = new long[scored];
        Slots = new long[Rows * Longest];
        Array.Fill(Slots, scored);
        Lengths = [.. rows.Select(row => (long)row.Completion.Ids.Length)];
        CompletionRows = [.. rows.Select(row => row.Completion.Row)];
        Chosen = chosen;
        Rejected = rejected;
        Fill(rows);
    }

    /// <summary>B.</summary>
    public int Rows { get; }

    /// <summary>T.</summary>
    public int Length { get; }

    /// <summary>L.</summary>
    public int Longest { get; }

    /// <summary>Tokens of all rows without padding, prompts included.</summary>
    public int Tokens { get; }

    /// <summary>Prompt and completion, right-padded with id 0. [B·T]</summary>
    public long[] InputIds { get; }

    /// <summary>Flat index b·T + t of the position that predicts each completion token. [N]</summary>
    public long[] Positions { get; }

    /// <summary>The completion token predicted there. [N]</summary>
    public long[] Targets { get; }

    /// <summary>Index into the N tokens of token t of row b; N where the row has no such token. [B·L]</summary>
    public long[] Slots { get; }

    /// <summary>Completion tokens of each row. [B]</summary>
    public long[] Lengths { get; }

    /// <summary><see cref="GroupCompletion.Row"/> of each row: the index of its reference log-prob. [B]</summary>
    public int[] CompletionRows { get; }

    /// <summary>Row of each pair's chosen completion. [P]</summary>
    public long[] Chosen { get; }

    /// <summary>Row of each pair's rejected completion. [P]</summary>
    public long[] Rejected { get; }

    /// <summary>Builds a batch from groups with their pairs.</summary>
    /// <param name="groups">At least one group.</param>
    /// <param name="mode">One row per completion, or two rows per pair.</param>
    public static PreferenceBatch Of(IReadOnlyList<PreferenceGroup> groups, BatchMode mode)
    {
        List<(PreferenceGroup, GroupCompletion)> rows = [];
        List<long> chosen = [];
        List<long> rejected = [];
        foreach (PreferenceGroup group in groups)
        {
            if (mode == BatchMode.Group)
            {
                chosen.AddRange(group.Pairs.Select(pair => (long)(rows.Count + pair.Chosen)));
                rejected.AddRange(group.Pairs.Select(pair => (long)(rows.Count + pair.Rejected)));
                rows.AddRange(group.Completions.Select(completion => (group, completion)));
                continue;
            }

            foreach ((int winner, int loser) in group.Pairs)
            {
                chosen.Add(rows.Count);
                rejected.Add(rows.Count + 1);
                rows.Add((group, group.Completions[winner]));
                rows.Add((group, group.Completions[loser]));
            }
        }

        return new PreferenceBatch(rows, [.. chosen], [.. rejected]);
    }

    /// <summary>Builds a batch of completions without pairs, for scoring.</summary>
    /// <param name="rows">At least one completion with its group.</param>
    public static PreferenceBatch OfCompletions(IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> rows) => new(rows, [], []);

    private void Fill(IReadOnlyList<(PreferenceGroup Group, GroupCompletion Completion)> rows)
    {
        int token = 0;
        for (int b = 0; b < rows.Count; b++)
        {
            int[] prompt = rows[b].Group.PromptIds;
            int[] completion = rows[b].Completion.Ids;
            for (int t = 0; t < prompt.Length; t++)
            {
                InputIds[(b * Length) + t] = prompt[t];
            }

            for (int t = 0; t < completion.Length; t++)
            {
                if (t < completion.Length - 1)
                {
                    InputIds[(b * Length) + prompt.Length + t] = completion[t];
                }

                Positions[token] = (b * Length) + prompt.Length - 1 + t;
                Targets[token] = completion[t];
                Slots[(b * Longest) + t] = token;
                token++;
            }
        }
    }
}
