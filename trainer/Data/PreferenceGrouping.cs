using Google.Protobuf.Collections;
using Rudder.Preference.V1;

namespace Rudder.Trainer.Data;

/// <summary>Turns the lines of a pair file into groups: completions that share prompt id and sample index become one.</summary>
internal sealed class PreferenceGrouping
{
    private readonly string file;
    private readonly SequenceLimits limits;
    private readonly Dictionary<string, OpenGroup> byPrompt = new(StringComparer.Ordinal);
    private readonly List<OpenGroup> inOrder = [];
    private int truncatedPrompts;
    private int truncatedCompletions;
    private int droppedPairs;

    private PreferenceGrouping(string file, SequenceLimits limits)
    {
        this.file = file;
        this.limits = limits;
    }

    /// <summary>Groups pairs, refusing those that no model could learn from or read.</summary>
    /// <param name="file">Name of the file, for messages.</param>
    /// <param name="pairs">Line numbers (from 1) and pairs, in file order; a prompt's pairs need not be adjacent.</param>
    /// <param name="limits">Vocabulary and lengths that every sequence must keep to.</param>
    /// <exception cref="BadInputException">A pair is empty, equal, too long, out of the vocabulary or contradicts another line.</exception>
    public static PreferenceData Group(string file, IEnumerable<(int Line, PreferencePair Pair)> pairs, SequenceLimits limits)
    {
        PreferenceGrouping grouping = new(file, limits);
        foreach ((int line, PreferencePair pair) in pairs)
        {
            grouping.Add(line, pair);
        }

        return grouping.Close();
    }

    private PreferenceData Close()
    {
        // A group can lose every pair to truncation and then teaches nothing: rows are numbered over those that remain.
        List<PreferenceGroup> groups = [];
        int row = 0;
        foreach (OpenGroup open in inOrder.Where(open => open.Pairs.Count > 0))
        {
            GroupCompletion[] completions = [.. open.Completions.Select(completion => completion with { Row = row++ })];
            groups.Add(new PreferenceGroup(open.Id, open.PromptIds, completions, open.Pairs));
        }

        return groups.Count > 0
            ? new PreferenceData(groups, truncatedPrompts, truncatedCompletions, droppedPairs)
            : throw new BadInputException($"{file} holds no preference pair to train on; write some with 'client pairs'.");
    }

    private void Add(int line, PreferencePair pair)
    {
        if (pair.PromptId.Length == 0)
        {
            throw Bad(line, "the pair has no prompt_id, which groups its completions; give every prompt its own id");
        }

        OpenGroup group = FindGroup(line, pair);
        int chosen = FindCompletion(line, group, "chosen", pair.Chosen);
        int rejected = FindCompletion(line, group, "rejected", pair.Rejected);
        if (chosen == rejected || pair.Chosen.Ids.Equals(pair.Rejected.Ids))
        {
            throw Bad(line, $"chosen (sample {pair.Chosen.SampleIndex}) and rejected (sample {pair.Rejected.SampleIndex}) are the same "
                + "completion; a pair needs two that differ: drop the line");
        }

        if (group.Completions[chosen].Ids.AsSpan().SequenceEqual(group.Completions[rejected].Ids))
        {
            droppedPairs++; // they differed only beyond the cut
        }
        else if (group.PairLines.TryAdd((chosen, rejected), line))
        {
            group.Pairs.Add((chosen, rejected));
        }
        else
        {
            throw Bad(line, $"samples {pair.Chosen.SampleIndex} over {pair.Rejected.SampleIndex} of prompt '{pair.PromptId}' already stand on "
                + $"line {group.PairLines[(chosen, rejected)]}; drop one of the two lines");
        }
    }

    private OpenGroup FindGroup(int line, PreferencePair pair)
    {
        if (byPrompt.TryGetValue(pair.PromptId, out OpenGroup? known))
        {
            return known.OriginalPrompt.Equals(pair.PromptIds)
                ? known
                : throw Bad(line, $"prompt '{pair.PromptId}' has other prompt_ids than on line {known.Line}; one id must name one prompt");
        }

        CheckIds(line, "prompt_ids", pair.PromptIds);
        int[] ids = [.. pair.PromptIds];
        if (ids.Length > limits.MaxPrompt)
        {
            ids = limits.Truncate ? ids[^limits.MaxPrompt..] : throw TooLong(line, $"the prompt has {ids.Length} tokens", limits.MaxPrompt, "max_prompt");
            truncatedPrompts++;
        }

        OpenGroup group = new(pair.PromptId, line, pair.PromptIds, ids);
        byPrompt.Add(pair.PromptId, group);
        inOrder.Add(group);
        return group;
    }

    private int FindCompletion(int line, OpenGroup group, string field, Scored? scored)
    {
        if (scored is null)
        {
            throw Bad(line, $"the pair has no {field} completion");
        }

        if (group.BySample.TryGetValue(scored.SampleIndex, out (int Index, int Line, RepeatedField<int> Ids) known))
        {
            return known.Ids.Equals(scored.Ids)
                ? known.Index
                : throw Bad(line, $"sample {scored.SampleIndex} of prompt '{group.Id}' has other ids than on line {known.Line}; "
                    + "sample_index must name one completion of the prompt");
        }

        CheckIds(line, field + ".ids", scored.Ids);
        int index = group.Completions.Count;
        group.BySample.Add(scored.SampleIndex, (index, line, scored.Ids));
        group.Completions.Add(new GroupCompletion(-1, scored.SampleIndex, Fit(line, field, group.PromptIds.Length, [.. scored.Ids])));
        return index;
    }

    private int[] Fit(int line, string field, int prompt, int[] ids)
    {
        int room = limits.MaxLength - prompt;
        if (ids.Length <= room)
        {
            return ids;
        }

        if (!limits.Truncate)
        {
            throw TooLong(line, $"the prompt of {prompt} and the {field} completion of {ids.Length} make {prompt + ids.Length} tokens",
                limits.MaxLength, "max_length");
        }

        truncatedCompletions++;
        return ids[..room];
    }

    private void CheckIds(int line, string field, RepeatedField<int> ids)
    {
        if (ids.Count == 0)
        {
            throw Bad(line, $"{field} is empty; a prompt and a completion need at least one token id each");
        }

        foreach (int id in ids)
        {
            if (id < 0 || id >= limits.Vocabulary)
            {
                throw Bad(line, $"{field} holds id {id}; the model's vocabulary ends at {limits.Vocabulary - 1}. "
                    + "Were the pairs drawn from a model with another tokenizer?");
            }
        }
    }

    private BadInputException TooLong(int line, string what, int limit, string setting) => Bad(line,
        $"{what}; {setting} is {limit}. Raise {setting} (at most the model's context), or set over_length to \"truncate\"");

    private BadInputException Bad(int line, string problem) => new($"{file}:{line}: {problem}.");

    private sealed record OpenGroup(string Id, int Line, RepeatedField<int> OriginalPrompt, int[] PromptIds)
    {
        public List<GroupCompletion> Completions { get; } = [];

        public Dictionary<int, (int Index, int Line, RepeatedField<int> Ids)> BySample { get; } = [];

        public List<(int Chosen, int Rejected)> Pairs { get; } = [];

        public Dictionary<(int Chosen, int Rejected), int> PairLines { get; } = [];
    }
}
