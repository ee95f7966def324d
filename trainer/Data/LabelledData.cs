using Rudder.Checkpoints;
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
    /// <param name="file">Name of the file, for messages.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="tokenizer">Reads texts; null for a model without one, which takes ids only.</param>
    /// <param name="limits">Vocabulary and length limits.</param>
    /// <exception cref="BadInputException">A row is empty, too long, out of the vocabulary, or a text without a tokenizer.</exception>
    public static LabelledData OfRows(string file, IEnumerable<LabelledCompletion> rows, TextTokenizer? tokenizer, SequenceLimits limits)
    {
        List<(int Line, int[] Prompt, int[] Completion, bool Desirable)> read = [];
        (int cutPrompts, int cutCompletions) = (0, 0);
        foreach (LabelledCompletion row in rows)
        {
            (int[] prompt, int[] completion) = Ids(file, row, tokenizer, limits.Vocabulary);
            RequireLength(file, row.Line, prompt.Length, completion.Length, limits);
            int kept = limits.PromptTokens(prompt.Length, completion.Length);
            int room = Math.Min(completion.Length, limits.MaxLength - kept);
            cutPrompts += kept < prompt.Length ? 1 : 0;
            cutCompletions += room < completion.Length ? 1 : 0;
            read.Add((row.Line, prompt[^kept..], completion[..room], row.Desirable));
        }

        if (read.Count == 0)
        {
            throw new BadInputException($"{file} holds no row to train on; a row has prompt, completion and label.");
        }

        List<PreferenceGroup> groups = [];
        Dictionary<int, LabelledRow> byLine = [];
        int next = 0;
        foreach (var prompt in read.GroupBy(row => string.Join(',', row.Prompt)))
        {
            GroupCompletion[] completions = [.. prompt.Select(row => new GroupCompletion(next++, row.Line, row.Completion))];
            var group = new PreferenceGroup($"line {prompt.First().Line}", prompt.First().Prompt, completions, []);
            groups.Add(group);
            foreach ((var row, GroupCompletion completion) in prompt.Zip(completions))
            {
                byLine.Add(row.Line, new LabelledRow(group, completion, row.Desirable));
            }
        }

        return new LabelledData(new PreferenceData(groups, cutPrompts, cutCompletions), [.. read.Select(row => byLine[row.Line])]);
    }

    /// <summary>A text's completion ends with the end-of-text token, which also stands for an empty prompt.</summary>
    private static (int[] Prompt, int[] Completion) Ids(string file, LabelledCompletion row, TextTokenizer? tokenizer, int vocabulary)
    {
        if (row.PromptIds is not null)
        {
            CheckIds(file, row.Line, "prompt_ids", row.PromptIds, vocabulary);
            CheckIds(file, row.Line, "completion_ids", row.CompletionIds!, vocabulary);
            return (row.PromptIds, row.CompletionIds!);
        }

        if (tokenizer?.EosId is not int end)
        {
            throw Bad(file, row.Line, "it holds texts, but the model has no tokenizer with an end-of-text token. Give tokenizer, or prompt_ids and completion_ids");
        }

        int[] prompt, completion;
        try
        {
            (prompt, completion) = (tokenizer.Encode(row.Prompt!), tokenizer.Encode(row.Completion!));
        }
        catch (SurplusTokenException surplus)
        {
            throw Bad(file, row.Line, surplus.Message.TrimEnd('.'));
        }

        if (completion.Length == 0)
        {
            throw Bad(file, row.Line, "completion is empty; a row needs at least one token to learn from");
        }

        return (prompt.Length > 0 ? prompt : [end], [.. completion, end]);
    }

    private static void CheckIds(string file, int line, string field, int[] ids, int vocabulary)
    {
        if (ids.Length == 0)
        {
            throw Bad(file, line, $"{field} is empty; a prompt and a completion need at least one token id each");
        }

        if (Array.Find(ids, id => id < 0 || id >= vocabulary) is var outside and not 0)
        {
            throw Bad(file, line, $"{field} holds id {outside}; the model's vocabulary ends at {vocabulary - 1}");
        }
    }

    private static void RequireLength(string file, int line, int prompt, int completion, SequenceLimits limits)
    {
        if (!limits.Truncate && (prompt > limits.MaxPrompt || prompt + completion > limits.MaxLength))
        {
            throw Bad(
                file,
                line,
                $"prompt and completion have {prompt} + {completion} tokens; max_prompt is {limits.MaxPrompt} and max_length {limits.MaxLength}. "
                + "Raise them (at most the model's context), or set over_length to \"truncate\"");
        }
    }

    private static BadInputException Bad(string file, int line, string problem) => new($"{file}:{line}: {problem}.");
}
