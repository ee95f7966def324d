using Rudder.Preference.V1;
using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public sealed class PreferenceGroupingTests
{
    private static readonly int[] Prompt = [1, 2];

    [Fact]
    public void Group_FourCompletionsSixPairs_HoldsEachCompletionOnce()
    {
        PreferenceData data = SamplePairs.Group(SamplePairs.Random(3, 4, seed: 1));
        Assert.Equal(3, data.Groups.Count);
        Assert.Equal(12, data.Completions);
        Assert.Equal(18, data.Pairs);
        Assert.Equal([0, 1, 2, 3], data.Groups[0].Completions.Select(c => c.SampleIndex));
        Assert.Equal([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], data.Groups[0].Pairs);
        Assert.Equal(Enumerable.Range(0, 12), data.Groups.SelectMany(g => g.Completions).Select(c => c.Row));
    }

    [Fact]
    public void Group_InterleavedPrompts_GroupsByPromptId()
    {
        PreferencePair a = Pair((0, [3]), (1, [4]), "a");
        PreferencePair b = Pair((0, [3]), (1, [4]), "b");
        PreferencePair a2 = Pair((1, [4]), (2, [5]), "a");
        PreferenceData data = SamplePairs.Group([a, b, a2]);
        Assert.Equal(["a", "b"], data.Groups.Select(g => g.PromptId));
        Assert.Equal([(0, 1), (1, 2)], data.Groups[0].Pairs);
    }

    [Fact]
    public void Group_EmptyCompletion_NamesFileLineAndField() => AssertRefused(
        "pairs.jsonl:2: rejected_sample.ids is empty", Pair((0, [3]), (1, [4])), Pair((0, [3]), (2, [])));

    [Fact]
    public void Group_EmptyPrompt_IsRefused() =>
        AssertRefused("pairs.jsonl:1: prompt_ids is empty", SamplePairs.Pair("p", [], (0, [3]), (1, [4])));

    [Fact]
    public void Group_NoPromptId_IsRefused() => AssertRefused("pairs.jsonl:1: field 'prompt_id' is missing", Pair((0, [3]), (1, [4]), string.Empty));

    [Fact]
    public void Group_NoRejected_IsRefused()
    {
        PreferencePair pair = Pair((0, [3]), (1, [4]));
        pair.RejectedSample = null;
        AssertRefused("pairs.jsonl:1: field 'rejected_sample' is missing", pair);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(-1)]
    public void Group_IdOutsideVocabulary_NamesFileLineIdAndLimit(int id) => AssertRefused(
        $"pairs.jsonl:2: chosen_sample.ids holds id {id}; the model's vocabulary ends at 511", Pair((0, [3]), (1, [4])), Pair((2, [5, id]), (1, [4])));

    [Fact]
    public void Group_SameSample_IsRefused() => AssertRefused("pairs.jsonl:1: chosen (sample 0) and rejected (sample 0) are the same", Pair((0, [3]), (0, [3])));

    [Fact]
    public void Group_SameIdsUnderTwoSamples_IsRefused() => AssertRefused("pairs.jsonl:1: chosen (sample 0) and rejected (sample 1)", Pair((0, [3]), (1, [3])));

    [Fact]
    public void Group_SamePairTwice_NamesBothLines() => AssertRefused(
        "pairs.jsonl:2: samples 0 over 1 of prompt 'p' already stand in pairs.jsonl:1", Pair((0, [3]), (1, [4])), Pair((0, [3]), (1, [4])));

    [Fact]
    public void Group_SampleWithOtherIds_NamesBothLines() => AssertRefused(
        "pairs.jsonl:2: sample 1 of prompt 'p' has other ids than in pairs.jsonl:1", Pair((0, [3]), (1, [4])), Pair((2, [3]), (1, [5])));

    [Fact]
    public void Group_PromptIdWithOtherIds_NamesBothLines() => AssertRefused(
        "pairs.jsonl:2: prompt 'p' has other prompt_ids than in pairs.jsonl:1",
        Pair((0, [3]), (1, [4])),
        SamplePairs.Pair("p", [9], (0, [3]), (2, [5])));

    [Fact]
    public void Group_NoPairs_IsRefused() => AssertRefused("pairs.jsonl holds no preference pair");

    [Fact]
    public void Group_LongerThanMaxLength_NamesLengthsAndLimit() => AssertRefused(
        new SequenceLimits(512, 5, 4, OverLength.Refuse),
        "pairs.jsonl:1: the prompt of 2 and the rejected completion of 4 make 6 tokens; max_length is 5",
        Pair((0, [3, 4, 5]), (1, [3, 4, 5, 6])));

    [Fact]
    public void Group_PromptLongerThanMaxPrompt_NamesLimit() => AssertRefused(
        new SequenceLimits(512, 5, 1, OverLength.Refuse), "pairs.jsonl:1: the prompt has 2 tokens; max_prompt is 1", Pair((0, [3]), (1, [4])));

    [Fact]
    public void Group_Truncate_CutsPromptFromTheLeftAndCompletionFromTheRightAndCounts()
    {
        PreferencePair pair = SamplePairs.Pair("p", [1, 2, 3], (0, [4, 5, 6, 8]), (1, [7]));
        PreferenceData data = SamplePairs.Group([pair], new SequenceLimits(512, 4, 2, OverLength.Truncate));
        Assert.Equal([3], data.Groups[0].PromptIds);
        Assert.Equal([4, 5, 6], data.Groups[0].Completions[0].Ids);
        Assert.Equal([7], data.Groups[0].Completions[1].Ids);
        Assert.Equal((1, 1, 0), (data.TruncatedPrompts, data.TruncatedCompletions, data.DroppedPairs));
    }

    [Fact]
    public void Group_TruncateWithRoomInThePrompt_CutsThePromptOnly()
    {
        int[] prompt = [.. Enumerable.Range(100, 40)], chosen = [.. Enumerable.Range(1, 12)];
        PreferencePair pair = SamplePairs.Pair("p", prompt, (0, chosen), (1, [7]));
        PreferenceData data = SamplePairs.Group([pair], new SequenceLimits(512, 32, 31, OverLength.Truncate));
        Assert.Equal(prompt[^20..], data.Groups[0].PromptIds);
        Assert.Equal(chosen, data.Groups[0].Completions[0].Ids);
        Assert.Equal((1, 0, 0), (data.TruncatedPrompts, data.TruncatedCompletions, data.DroppedPairs));
    }

    [Fact]
    public void Group_TruncateShortSequences_CutsNothing()
    {
        PreferenceData data = SamplePairs.Group([Pair((0, [3]), (1, [4]))], new SequenceLimits(512, 32, 31, OverLength.Truncate));
        Assert.Equal(Prompt, data.Groups[0].PromptIds);
        Assert.Equal((0, 0, 0), (data.TruncatedPrompts, data.TruncatedCompletions, data.DroppedPairs));
    }

    [Fact]
    public void Group_TruncateMakesPairEqual_DropsAndCountsIt()
    {
        PreferenceData data = SamplePairs.Group(
            [Pair((0, [4, 5, 6]), (1, [4, 5, 7])), Pair((0, [4, 5, 6]), (2, [8]))], new SequenceLimits(512, 3, 2, OverLength.Truncate));
        Assert.Equal((1, 1), (data.Pairs, data.DroppedPairs));
    }

    [Fact]
    public void Group_TruncatePrompt_CutsPromptsOnlyAndRefusesACompletionThatAloneIsTooLong()
    {
        SequenceLimits limits = new(512, 4, 3, OverLength.TruncatePrompt);
        PreferenceData data = SamplePairs.Group([SamplePairs.Pair("p", [1, 2, 3], (0, [4, 5]), (1, [7]))], limits);
        Assert.Equal([2, 3], data.Groups[0].PromptIds);
        Assert.Equal([4, 5], data.Groups[0].Completions[0].Ids);
        Assert.Equal((1, 0), (data.TruncatedPrompts, data.TruncatedCompletions));
        AssertRefused(limits, "pairs.jsonl:1: the prompt of 2 and the rejected completion of 4", Pair((0, [3]), (1, [4, 5, 6, 7])));
    }

    [Fact]
    public void Group_TruncateCompletion_CutsCompletionsOnlyAndRefusesAPromptThatLeavesNoRoom()
    {
        SequenceLimits limits = new(512, 4, 3, OverLength.TruncateCompletion);
        PreferenceData data = SamplePairs.Group([SamplePairs.Pair("p", [1, 2, 3], (0, [4, 5]), (1, [7]))], limits);
        Assert.Equal([1, 2, 3], data.Groups[0].PromptIds);
        Assert.Equal([[4], [7]], data.Groups[0].Completions.Select(completion => completion.Ids));
        Assert.Equal((0, 1), (data.TruncatedPrompts, data.TruncatedCompletions));
        AssertRefused(limits, "pairs.jsonl:1: the prompt has 4 tokens; max_prompt is 3", SamplePairs.Pair("p", [1, 2, 3, 4], (0, [5]), (1, [6])));
    }

    [Fact]
    public void Group_SkipBadRows_LeavesThemOutWithoutATrace()
    {
        BadRows badRows = new(skip: true);
        PreferenceData data = SamplePairs.Group(
            [Pair((0, [3]), (1, [4])), Pair((0, [3]), (5, [3])), Pair((6, [7]), (7, [600])), Pair((1, [4]), (2, [5])), Pair((0, [3]), (1, [4]), "empty")],
            badRows,
            new SequenceLimits(512, 3, 2, OverLength.Refuse));
        Assert.Equal(2, badRows.Count);
        Assert.Equal([0, 1, 2], data.Groups[0].Completions.Select(completion => completion.SampleIndex)); // neither 5 nor 6
        Assert.Equal(["p", "empty"], data.Groups.Select(group => group.PromptId));
    }

    [Fact]
    public void SequenceHash_OneIdChanges_Changes()
    {
        string original = SamplePairs.Group([Pair((0, [3]), (1, [4]))]).SequenceHash;
        Assert.Equal(original, SamplePairs.Group([Pair((0, [3]), (1, [4]))]).SequenceHash);
        Assert.NotEqual(original, SamplePairs.Group([Pair((0, [3]), (1, [5]))]).SequenceHash);
        Assert.NotEqual(original, SamplePairs.Group([Pair((0, [3]), (1, [3, 4]))]).SequenceHash);
    }

    private static PreferencePair Pair((int Sample, int[] Ids) chosen, (int Sample, int[] Ids) rejected, string prompt = "p") =>
        SamplePairs.Pair(prompt, Prompt, chosen, rejected);

    private static void AssertRefused(string message, params PreferencePair[] pairs) => AssertRefused(SamplePairs.Limits, message, pairs);

    private static void AssertRefused(SequenceLimits limits, string message, params PreferencePair[] pairs)
    {
        BadInputException error = Assert.Throws<BadInputException>(() => SamplePairs.Group(pairs, limits));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }
}
