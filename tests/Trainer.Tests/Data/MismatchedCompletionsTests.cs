using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public class MismatchedCompletionsTests
{
    private static readonly PreferenceData Data = SamplePairs.Group(
    [
        SamplePairs.Pair("a", [1], (0, [2, 3, 4]), (1, [5])),
        SamplePairs.Pair("b", [6, 7], (0, [8]), (1, [9])),
    ]);

    [Fact]
    public void Of_Groups_PutsAllTheirCompletionsUnderTheNextPrompt()
    {
        var mismatched = new MismatchedCompletions(Data, maxLength: 64);
        Assert.Equal([4, 5, 6, 7], mismatched.Rows.Select(row => row.Completion.Row)); // after the four completions of the data
        PreferenceBatch batch = mismatched.Of(Data.Groups);
        Assert.Equal([6, 7, 2, 3, 6, 7, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], batch.InputIds); // a row leaves out its last token
        Assert.Equal([2, 3, 4, 5, 8, 9], batch.Targets);
    }

    [Fact]
    public void Rows_EqualPromptsOfSeveralNames_AreSkipped()
    {
        PreferenceData data = SamplePairs.Group(
        [
            SamplePairs.Pair("a", [1], (0, [2]), (1, [3])),
            SamplePairs.Pair("b", [1], (0, [4]), (1, [5])),
            SamplePairs.Pair("c", [6], (0, [2]), (1, [3])),
            SamplePairs.Pair("d", [1], (0, [2]), (1, [3])),
        ]);
        string[] under = [.. new MismatchedCompletions(data, 64).Rows.Select(row => row.Group.PromptId)];
        Assert.Equal(["c", "c", "c", "c", "d", "d", "c", "c"], under); // d's next prompts are a and b, which equal it
    }

    [Fact]
    public void Create_PromptsAllEqual_IsRefused()
    {
        PreferenceData data = SamplePairs.Group(
            [SamplePairs.Pair("a", [1], (0, [2]), (1, [3])), SamplePairs.Pair("b", [1], (0, [4]), (1, [5]))]);
        BadInputException error = Assert.Throws<BadInputException>(() => new MismatchedCompletions(data, 64));
        Assert.Contains("holds 2 prompts, all equal", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_Completions_PutsEachUnderTheNextPromptAndCutsItToFit()
    {
        var mismatched = new MismatchedCompletions(Data, maxLength: 4);
        Assert.Equal([4, 5, 6, 7], mismatched.Rows.Select(row => row.Completion.Row));
        Assert.Equal([[2, 3], [5], [8], [9]], mismatched.Rows.Select(row => row.Completion.Ids)); // 2 + 2 tokens fit in 4
        PreferenceBatch batch = mismatched.Of([Data.Groups[0].Completions[1], Data.Groups[1].Completions[1]]);
        Assert.Equal([5, 9], batch.Targets);
        Assert.Equal([5, 7], batch.CompletionRows);
    }
}
