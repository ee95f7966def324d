using Google.Protobuf.Collections;
using Rudder.Preference.V1;

namespace Rudder.Trainer.Data;

/// <summary>Groups the lines of a pair file by prompt. Merges completions with equal prompt id and sample index.</summary>
internal sealed class PreferenceGrouping
{
    private readonly string _file;
    private readonly SequenceLimits _limits;
    private readonly Dictionary<string, OpenGroup> _byPrompt = new(StringComparer.Ordinal);
    private readonly List<OpenGroup> _inOrder = [];

    private PreferenceGrouping(string file, SequenceLimits limits)
    {
        _file = file;
        _limits = limits;
    }

    /// <summary>Groups pairs and refuses invalid ones.</summary>
    /// <param name="file">Name of the file, for messages.</param>
    /// <param name="pairs">Line numbers (from 1) and pairs, in file order; a prompt's pairs need not be adjacent.</param>
    /// <param name="limits">Vocabulary and length limits of every sequence.</param>
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

    private void Add(int line, PreferencePair pair)
    {
        if (pair.PromptId.Length == 0)
        {
            throw Bad(line, "field 'prompt_id' is missing; it groups a prompt's completions. Give every prompt its own id");
        }

        OpenGroup group = FindGroup(line, pair);
        int chosen = FindCompletion(line, group, "chosen", pair.Chosen);
        int rejected = FindCompletion(line, group, "rejected", pair.Rejected);
        if (chosen == rejected || pair.Chosen.Ids.Equals(pair.Rejected.Ids))
        {
            throw Bad(line, $"chosen (sample {pair.Chosen.SampleIndex}) and rejected (sample {pair.Rejected.SampleIndex}) are the same "
                + "completion; a pair needs two that differ: drop the line");
        }

        if (!group.PairLines.TryAdd((chosen, rejected), line))
        {
            throw Bad(line, $"samples {pair.Chosen.SampleIndex} over {pair.Rejected.SampleIndex} of prompt '{pair.PromptId}' already stand on "
                + $"line {group.PairLines[(chosen, rejected)]}; drop one of the two lines");
        }
    }

    private OpenGroup FindGroup(int line, PreferencePair pair)
    {
        if (_byPrompt.TryGetValue(pair.PromptId, out OpenGroup? known))
        {
            return known.Prompt.Equals(pair.PromptIds)
                ? known
                : throw Bad(line, $"prompt '{pair.PromptId}' has other prompt_ids than on line {known.Line}; one id must name one prompt");
        }

        CheckIds(line, "prompt_ids", pair.PromptIds);
        if (pair.PromptIds.Count > _limits.MaxPrompt && !_limits.Truncate)
        {
            throw TooLong(line, $"the prompt has {pair.PromptIds.Count} tokens", _limits.MaxPrompt, "max_prompt");
        }

        OpenGroup group = new(pair.PromptId, line, pair.PromptIds);
        _byPrompt.Add(pair.PromptId, group);
        _inOrder.Add(group);
        return group;
    }

    private int FindCompletion(int line, OpenGroup group, string field, Scored? scored)
    {
        if (scored is null)
        {
            throw Bad(line, $"field '{field}' is missing; a pair has two completions");
        }

        int known = group.Completions.FindIndex(completion => completion.Sample == scored.SampleIndex);
        if (known >= 0)
        {
            return group.Completions[known].Ids.Equals(scored.Ids)
                ? known
                : throw Bad(line, $"sample {scored.SampleIndex} of prompt '{group.Id}' has other ids than on line {group.Completions[known].Line}; "
                    + "sample_index must name one completion of the prompt");
        }

        CheckIds(line, field + ".ids", scored.Ids);
        int length = group.Prompt.Count + scored.Ids.Count;
        if (length > _limits.MaxLength && !_limits.Truncate)
        {
            throw TooLong(line, $"the prompt of {group.Prompt.Count} and the {field} completion of {scored.Ids.Count} make {length} tokens",
                _limits.MaxLength, "max_length");
        }

        group.Completions.Add((line, scored.SampleIndex, scored.Ids, scored.Score));
        return group.Completions.Count - 1;
    }

    /// <summary>Truncates long sequences, drops pairs that truncation made equal, and numbers the remaining completions.</summary>
    private PreferenceData Close()
    {
        List<PreferenceGroup> groups = [];
        int row = 0, cutPrompts = 0, cutCompletions = 0, dropped = 0;
        foreach (OpenGroup open in _inOrder)
        {
            // The prompt is cut first, from the left, so that the longest completion fits. It keeps at least one token.
            int longest = open.Completions.Max(completion => completion.Ids.Count);
            int kept = _limits.PromptTokens(open.Prompt.Count, longest);
            int[] prompt = [.. open.Prompt.Skip(open.Prompt.Count - kept)];
            int[][] ids = [.. open.Completions.Select(completion => (int[])[.. completion.Ids.Take(_limits.MaxLength - kept)])];
            (int Chosen, int Rejected)[] pairs = [.. open.PairLines.Keys.Where(pair => !ids[pair.Chosen].AsSpan().SequenceEqual(ids[pair.Rejected]))];
            cutPrompts += kept < open.Prompt.Count ? 1 : 0;
            cutCompletions += ids.Where((cut, i) => cut.Length < open.Completions[i].Ids.Count).Count();
            dropped += open.PairLines.Count - pairs.Length;
            if (pairs.Length > 0)
            {
                GroupCompletion[] completions =
                    [.. open.Completions.Select((completion, i) => new GroupCompletion(row + i, completion.Sample, ids[i]) { Score = completion.Score })];
                groups.Add(new PreferenceGroup(open.Id, prompt, completions, pairs));
                row += ids.Length;
            }
        }

        return groups.Count > 0
            ? new PreferenceData(groups, cutPrompts, cutCompletions, dropped)
            : throw new BadInputException($"{_file} holds no preference pair to train on; write some with 'client pairs'.");
    }

    private void CheckIds(int line, string field, RepeatedField<int> ids)
    {
        if (ids.Count == 0)
        {
            throw Bad(line, $"{field} is empty; a prompt and a completion need at least one token id each");
        }

        foreach (int id in ids)
        {
            if (id < 0 || id >= _limits.Vocabulary)
            {
                throw Bad(line, $"{field} holds id {id}; the model's vocabulary ends at {_limits.Vocabulary - 1}. "
                    + "Were the pairs drawn from a model with another tokenizer?");
            }
        }
    }

    private BadInputException TooLong(int line, string what, int limit, string setting) => Bad(line,
        $"{what}; {setting} is {limit}. Raise {setting} (at most the model's context), or set over_length to \"truncate\"");

    private BadInputException Bad(int line, string problem) => new($"{_file}:{line}: {problem}.");

    /// <summary>A prompt with the completions and pairs read so far, uncut.</summary>
    private sealed record OpenGroup(string Id, int Line, RepeatedField<int> Prompt)
    {
        public List<(int Line, int Sample, RepeatedField<int> Ids, double Score)> Completions { get; } = [];

        /// <summary>Line of each pair; pairs are indices into <see cref="Completions"/>.</summary>
        public OrderedDictionary<(int Chosen, int Rejected), int> PairLines { get; } = [];
    }
}
