using Rudder.Client.Reports;
using Rudder.Client.Runs;

namespace Rudder.Client.Tests.Reports;

/// <summary>Statistics of files of pairs: gaps, lengths, ties.</summary>
public sealed class PairStatisticsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ReadAll_DrawnPairs_GivesGapsLengthsAndTies()
    {
        RunExample.Write(_folder, "text");
        PairStatistics pairs = Assert.Single(PairStatistics.ReadAll(_folder.Path));
        // 5 completions: samples 0, 1 and 2 of one prompt, 0 and 1 of the other
        Assert.Equal((PairFiles.Training, 2, 5), (pairs.Stage, pairs.Prompts, pairs.Completions));
        Assert.Equal([0.25, 0.25, 0.05], pairs.Gaps.Select(gap => Math.Round(gap, 9)));
        Assert.Equal([2, 2, 2], pairs.PromptTokens);
        Assert.Equal([3, 2, 6], pairs.ChosenTokens);
        Assert.Equal([5, 2, 1], pairs.RejectedTokens);
        Assert.Equal(new DroppedPairs(6, 9), pairs.Ties); // 3 prompts × 3 pairs of 3 samples; 3 are written
    }

    [Fact]
    public void ReadAll_PairsCutByALimit_CountsTiesBeforeTheCut()
    {
        RunExample.Pairs(_folder, "held-out-pairs/pairs.jsonl", RunExample.Pair("p", 0, 1, 1, 0, 1));
        RunExample.Pairs(_folder, "held-out-pairs/all.jsonl", RunExample.Pair("p", 0, 1, 1, 0, 1), RunExample.Pair("q", 0, 1, 1, 0, 1));
        _folder.Write("held-out-pairs/all.jsonl.settings.json", """{"prompts":{"count":5},"sampling":{"samples":2}}""");
        PairStatistics pairs = Assert.Single(PairStatistics.ReadAll(_folder.Path));
        Assert.Single(pairs.Gaps);
        Assert.Equal(new DroppedPairs(3, 5), pairs.Ties);
    }

    [Fact]
    public void ReadAll_GivenTexts_HaveNoTies()
    {
        RunExample.Pairs(_folder, "pairs/pairs.jsonl", RunExample.Pair("p", 0, 1, 1, 0, 1));
        Assert.Null(Assert.Single(PairStatistics.ReadAll(_folder.Path)).Ties);
    }

    [Fact]
    public void ReadAll_NoPairs_GivesNothing()
    {
        _folder.Write("pairs/pairs.jsonl", "");
        Assert.Empty(PairStatistics.ReadAll(_folder.Path));
    }
}
