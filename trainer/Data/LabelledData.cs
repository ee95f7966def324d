using Rudder.Datasets;

namespace Rudder.Trainer.Data;

/// <summary>One completion with its judgement.</summary>
/// <param name="Group">Holds its prompt.</param>
/// <param name="Completion">Its ids.</param>
/// <param name="Desirable">Whether it is a good completion.</param>
internal sealed record LabelledRow(PreferenceGroup Group, GroupCompletion Completion, bool Desirable)
{
    /// <summary>Tokens of prompt and completion.</summary>
    public int Length => Group.PromptIds.Length + Completion.Ids.Length;
}

/// <summary>Completions with a judgement each. Groups hold different prompts, so a completion under the next group's prompt is a mismatch.</summary>
/// <param name="Data">The completions by prompt.</param>
/// <param name="Rows">The judgements, in file order. A completion may have several.</param>
internal sealed record LabelledData(PreferenceData Data, IReadOnlyList<LabelledRow> Rows)
{
    /// <summary>Two rows per pair: the chosen completion is desirable, the rejected one is not.</summary>
    public static LabelledData OfPairs(PreferenceData data) => new(
        data,
        [.. data.Groups.SelectMany(group => group.Pairs.SelectMany(pair => (LabelledRow[])
            [new(group, group.Completions[pair.Chosen], true), new(group, group.Completions[pair.Rejected], false)]))]);

    /// <summary>Tokenises rows and groups them by prompt.</summary>
    /// <param name="name">Name of the data, for messages.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="encoder">Reads texts.</param>
    /// <param name="limits">Vocabulary and length limits.</param>
    /// <param name="badRows">Gets rows that are empty, too long or out of the vocabulary.</param>
    /// <exception cref="BadInputException">No row can be used, or bad rows stop the run.</exception>
    public static LabelledData OfRows(
        string name, IEnumerable<LabelledCompletion> rows, CompletionEncoder encoder, SequenceLimits limits, BadRows badRows)
    {
        List<(string Place, int[] Prompt, int[] Completion, bool Desirable)> read = [];
        (int cutPrompts, int cutCompletions) = (0, 0);
        foreach (LabelledCompletion row in rows)
        {
            badRows.Try(() =>
            {
                (int[] prompt, int[] completion) = Ids(row, encoder, limits);
                int kept = limits.PromptTokens(prompt.Length, completion.Length);
                int room = Math.Min(completion.Length, limits.MaxLength - kept);
                cutPrompts += kept < prompt.Length ? 1 : 0;
                cutCompletions += room < completion.Length ? 1 : 0;
                read.Add((row.Place, prompt[^kept..], completion[..room], row.Desirable));
            });
        }

        if (read.Count == 0)
        {
            throw new BadInputException($"{name} holds no row to train on; a row has prompt, completion and label.{badRows.Remark}");
        }

        List<PreferenceGroup> groups = [];
        var labelled = new LabelledRow[read.Count];
        int next = 0;
        foreach (var prompt in read.Index().GroupBy(row => string.Join(',', row.Item.Prompt)))
        {
            GroupCompletion[] completions = [.. prompt.Select(row => new GroupCompletion(next++, row.Index, row.Item.Completion))];
            var group = new PreferenceGroup(prompt.First().Item.Place, prompt.First().Item.Prompt, completions, []);
            groups.Add(group);
            foreach ((var row, GroupCompletion completion) in prompt.Zip(completions))
            {
                labelled[row.Index] = new LabelledRow(group, completion, row.Item.Desirable);
            }
        }

        return new LabelledData(new PreferenceData(groups, cutPrompts, cutCompletions), labelled);
    }

    private static (int[] Prompt, int[] Completion) Ids(LabelledCompletion row, CompletionEncoder encoder, SequenceLimits limits)
    {
        (int[] prompt, int[] completion) = row.PromptIds is not null
            ? (Checked(row.Place, "prompt_ids", row.PromptIds, limits.Vocabulary),
                Checked(row.Place, "completion_ids", row.CompletionIds!, limits.Vocabulary))
            : (encoder.Prompt(row.Place, row.Prompt!), encoder.Completion(row.Place, "completion", row.Completion!));
        return (limits.Problem(prompt.Length) ?? limits.Problem(prompt.Length, completion.Length, "completion")) is string problem
            ? throw BadRows.Of(row.Place, problem)
            : (prompt, completion);
    }

    private static int[] Checked(string place, string field, int[] ids, int vocabulary)
    {
        if (ids.Length == 0)
        {
            throw BadRows.Of(place, $"{field} is empty; a prompt and a completion need at least one token id each");
        }

        return Array.Find(ids, id => id < 0 || id >= vocabulary) is var outside and not 0
            ? throw BadRows.Of(place, $"{field} holds id {outside}; the model's vocabulary ends at {vocabulary - 1}")
            : ids;
    }
}
