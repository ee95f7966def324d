using Rudder.Datasets;
using Rudder.Preference.V1;

namespace Rudder.Trainer.Data;

/// <summary>
/// Groups pairs with token ids by prompt, where prompt id and sample index identify a completion. A pair of texts is a group of its own.
/// </summary>
internal sealed class PreferenceGrouping
{
    private readonly CompletionEncoder _encoder;
    private readonly SequenceLimits _limits;
    private readonly Dictionary<string, OpenGroup> _byPrompt = new(StringComparer.Ordinal);
    private readonly List<OpenGroup> _inOrder = [];

    private PreferenceGrouping(CompletionEncoder encoder, SequenceLimits limits)
    {
        _encoder = encoder;
        _limits = limits;
    }

    /// <summary>Groups pairs and refuses invalid ones.</summary>
    /// <param name="name">Name of the data, for messages.</param>
    /// <param name="pairs">"FILE:LINE" and pair, in file order; a prompt's pairs need not be adjacent.</param>
    /// <param name="encoder">Reads pairs of texts.</param>
    /// <param name="limits">Vocabulary and length limits of every sequence.</param>
    /// <param name="badRows">Gets pairs that are empty, equal, too long, out of the vocabulary or contradict another row.</param>
    /// <exception cref="BadInputException">No pair can be used, or bad rows stop the run.</exception>
    public static PreferenceData Group(
        string name, IEnumerable<(string Place, PreferencePair Pair)> pairs, CompletionEncoder encoder, SequenceLimits limits, BadRows badRows)
    {
        PreferenceGrouping grouping = new(encoder, limits);
        foreach ((string place, PreferencePair pair) in pairs)
        {
            badRows.Try(() => grouping.Add(place, pair));
        }

        return grouping.Close(name, badRows);
    }

    /// <summary>Adds a pair as a whole or, after an error, not at all.</summary>
    private void Add(string place, PreferencePair pair)
    {
        if (!PreferencePairs.HasIds(pair) && pair.Chosen.Length > 0 && pair.Rejected.Length > 0)
        {
            AddTexts(place, pair);
            return;
        }

        if (pair.PromptId.Length == 0)
        {
            throw BadRows.Of(place, "field 'prompt_id' is missing; it groups a prompt's completions. Give every prompt its own id");
        }

        OpenGroup group = FindGroup(place, pair);
        OpenCompletion chosen = FindCompletion(place, group, "chosen", pair.ChosenSample);
        OpenCompletion rejected = FindCompletion(place, group, "rejected", pair.RejectedSample);
        if (chosen.Sample == rejected.Sample || chosen.Ids.AsSpan().SequenceEqual(rejected.Ids))
        {
            throw BadRows.Of(place, $"chosen (sample {chosen.Sample}) and rejected (sample {rejected.Sample}) are the same "
                + "completion; a pair needs two that differ: drop the line");
        }

        if (group.Pairs.TryGetValue((chosen, rejected), out string? before))
        {
            throw BadRows.Of(place, $"samples {chosen.Sample} over {rejected.Sample} of prompt '{pair.PromptId}' already stand in {before}; "
                + "drop one of the two lines");
        }

        if (_byPrompt.TryAdd(pair.PromptId, group))
        {
            _inOrder.Add(group);
        }

        group.Add(place, chosen, rejected);
    }

    private void AddTexts(string place, PreferencePair pair)
    {
        OpenGroup group = Fitting(place, new OpenGroup(place, place, _encoder.Prompt(place, pair.Prompt)));
        OpenCompletion chosen = Encoded("chosen", 0, pair.Chosen), rejected = Encoded("rejected", 1, pair.Rejected);
        if (chosen.Ids.AsSpan().SequenceEqual(rejected.Ids))
        {
            throw BadRows.Of(place, "chosen and rejected have the same tokens; a pair needs two that differ");
        }

        _inOrder.Add(group);
        group.Add(place, chosen, rejected);

        OpenCompletion Encoded(string side, int sample, string text) =>
            Fitting(group, side, new OpenCompletion(place, sample, _encoder.Completion(place, side, text), 0));
    }

    private OpenGroup FindGroup(string place, PreferencePair pair)
    {
        int[] prompt = [.. pair.PromptIds];
        if (_byPrompt.TryGetValue(pair.PromptId, out OpenGroup? known))
        {
            return known.Prompt.AsSpan().SequenceEqual(prompt)
                ? known
                : throw BadRows.Of(place, $"prompt '{pair.PromptId}' has other prompt_ids than in {known.Place}; an id must name one prompt");
        }

        CheckIds(place, "prompt_ids", prompt);
        return Fitting(place, new OpenGroup(pair.PromptId, place, prompt));
    }

    private OpenCompletion FindCompletion(string place, OpenGroup group, string side, Scored? scored)
    {
        if (scored is null)
        {
            throw BadRows.Of(place, $"field '{side}_sample' is missing; a pair has two completions");
        }

        int[] ids = [.. scored.Ids];
        if (group.Completions.Find(completion => completion.Sample == scored.SampleIndex) is { } known)
        {
            return known.Ids.AsSpan().SequenceEqual(ids)
                ? known
                : throw BadRows.Of(place, $"sample {scored.SampleIndex} of prompt '{group.Id}' has other ids than in {known.Place}; "
                    + "sample_index must name one completion of the prompt");
        }

        CheckIds(place, $"{side}_sample.ids", ids);
        return Fitting(group, side, new OpenCompletion(place, scored.SampleIndex, ids, scored.Score));
    }

    private OpenGroup Fitting(string place, OpenGroup group) =>
        _limits.Problem(group.Prompt.Length) is string problem ? throw BadRows.Of(place, problem) : group;

    private OpenCompletion Fitting(OpenGroup group, string side, OpenCompletion completion) =>
        _limits.Problem(group.Prompt.Length, completion.Ids.Length, side + " completion") is string problem
            ? throw BadRows.Of(completion.Place, problem)
            : completion;

    /// <summary>Truncates long sequences, drops pairs that truncation made equal, and numbers the remaining completions.</summary>
    private PreferenceData Close(string name, BadRows badRows)
    {
        List<PreferenceGroup> groups = [];
        int row = 0, cutPrompts = 0, cutCompletions = 0, dropped = 0;
        foreach (OpenGroup open in _inOrder)
        {
            // The prompt is cut first, from the left, so that the longest completion fits. It keeps at least one token.
            int longest = open.Completions.Max(completion => completion.Ids.Length);
            int kept = _limits.PromptTokens(open.Prompt.Length, longest);
            int[][] ids = [.. open.Completions.Select(completion => completion.Ids[..Math.Min(completion.Ids.Length, _limits.MaxLength - kept)])];
            (int Chosen, int Rejected)[] pairs =
            [
                .. open.Pairs.Keys.Select(pair => (open.Completions.IndexOf(pair.Chosen), open.Completions.IndexOf(pair.Rejected)))
                    .Where(pair => !ids[pair.Item1].AsSpan().SequenceEqual(ids[pair.Item2])),
            ];
            cutPrompts += kept < open.Prompt.Length ? 1 : 0;
            cutCompletions += ids.Where((cut, i) => cut.Length < open.Completions[i].Ids.Length).Count();
            dropped += open.Pairs.Count - pairs.Length;
            if (pairs.Length > 0)
            {
                GroupCompletion[] completions =
                [
                    .. open.Completions.Select((completion, i) =>
                        new GroupCompletion(row + i, completion.Sample, ids[i]) { Score = completion.Score }),
                ];
                groups.Add(new PreferenceGroup(open.Id, open.Prompt[^kept..], completions, pairs));
                row += ids.Length;
            }
        }

        return groups.Count > 0
            ? new PreferenceData(groups, cutPrompts, cutCompletions, dropped)
            : throw new BadInputException($"{name} holds no preference pair to train on; a row has the strings prompt, chosen and rejected.{badRows.Remark}");
    }

    private void CheckIds(string place, string field, int[] ids)
    {
        if (ids.Length == 0)
        {
            throw BadRows.Of(place, $"{field} is empty; a prompt and a completion need at least one token id each");
        }

        foreach (int id in ids)
        {
            if (id < 0 || id >= _limits.Vocabulary)
            {
                throw BadRows.Of(place, $"{field} holds id {id}; the model's vocabulary ends at {_limits.Vocabulary - 1}. "
                    + "Were the pairs drawn from a model with another tokenizer?");
            }
        }
    }

    /// <summary>A completion, uncut; the same object wherever the file has it.</summary>
    private sealed class OpenCompletion(string place, int sample, int[] ids, double score)
    {
        public string Place { get; } = place;

        public int Sample { get; } = sample;

        public int[] Ids { get; } = ids;

        public double Score { get; } = score;
    }

    /// <summary>A prompt with the completions and pairs read so far, uncut.</summary>
    private sealed record OpenGroup(string Id, string Place, int[] Prompt)
    {
        public List<OpenCompletion> Completions { get; } = [];

        /// <summary>Place of each pair.</summary>
        public OrderedDictionary<(OpenCompletion Chosen, OpenCompletion Rejected), string> Pairs { get; } = [];

        public void Add(string place, OpenCompletion chosen, OpenCompletion rejected)
        {
            Completions.AddRange(new[] { chosen, rejected }.Except(Completions).ToList());
            Pairs.Add((chosen, rejected), place);
        }
    }
}
