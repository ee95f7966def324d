namespace Rudder.Trainer.Data;

/// <summary>Whole sequences of a batch of groups, each completion once, and the rows of each pair. P = pairs.</summary>
/// <param name="Rows">Prompt and completion ids of each sequence.</param>
/// <param name="Chosen">Row of each pair's chosen completion. [P]</param>
/// <param name="Rejected">Row of each pair's rejected completion. [P]</param>
/// <param name="ScoreGaps">Score of the chosen completion minus that of the rejected one, from the pair file. [P]</param>
internal sealed record RankedSequences(IReadOnlyList<int[]> Rows, long[] Chosen, long[] Rejected, float[] ScoreGaps)
{
    /// <summary>Tokens of all rows, without padding.</summary>
    public int Tokens => Rows.Sum(row => row.Length);

    /// <summary>The sequences of some groups.</summary>
    public static RankedSequences Of(IReadOnlyList<PreferenceGroup> groups)
    {
        List<int[]> rows = [];
        List<long> chosen = [], rejected = [];
        List<float> gaps = [];
        foreach (PreferenceGroup group in groups)
        {
            foreach ((int winner, int loser) in group.Pairs)
            {
                chosen.Add(rows.Count + winner);
                rejected.Add(rows.Count + loser);
                gaps.Add((float)(group.Completions[winner].Score - group.Completions[loser].Score));
            }

            rows.AddRange(group.Completions.Select(completion => (int[])[.. group.PromptIds, .. completion.Ids]));
        }

        return new RankedSequences(rows, [.. chosen], [.. rejected], [.. gaps]);
    }
}
