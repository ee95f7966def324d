using Rudder.Engine.Scoring;

namespace Rudder.Engine.Tests.Scoring;

public class MicroBatcherTests
{
    [Fact]
    public void Split_MixedLengths_SortsAndBoundsRowsTimesLongest()
    {
        int[] lengths = [3, 10, 2, 9, 1];
        Assert.Equal([[1, 3], [0, 2, 4]], MicroBatcher.Split(lengths, lengths, maxTokens: 20, maxOutputs: 1000));
    }

    [Fact]
    public void Split_OutputsBounded_StartsANewBatch() =>
        Assert.Equal([[0, 1], [2]], MicroBatcher.Split([5, 5, 5], [4, 4, 4], maxTokens: 100, maxOutputs: 8));

    [Fact]
    public void Split_LongerThanTheBound_FormsItsOwnBatch() =>
        Assert.Equal([[1], [0]], MicroBatcher.Split([5, 50], [1, 99], maxTokens: 20, maxOutputs: 10));

    [Fact]
    public void Split_NextWouldBePaddedByMoreThanAQuarter_StartsANewBatch() =>
        Assert.Equal([[0, 1], [2]], MicroBatcher.Split([100, 75, 74], [1, 1, 1], maxTokens: 1000, maxOutputs: 10));

    [Fact]
    public void Split_TooFewTokensForEfficientProducts_TakesWhatMustBePadded() =>
        Assert.Equal([[0, 1, 2, 3], [4, 5]], MicroBatcher.Split([32, 9, 8, 7, 6, 5], [1, 1, 1, 1, 1, 1], maxTokens: 1000, maxOutputs: 10));

    [Fact]
    public void Split_LengthsOfEveryKind_PadsLargerBatchesByAQuarterAtMostAndMakesFewBatches()
    {
        var random = new Random(5);
        int[] lengths = [.. Enumerable.Range(0, 2000).Select(_ => random.Next(1, 257))];
        var batches = MicroBatcher.Split(lengths, lengths, maxTokens: 2048, maxOutputs: long.MaxValue).ToList();
        Assert.Equal(Enumerable.Range(0, lengths.Length), batches.SelectMany(batch => batch).Order());
        Assert.All(batches, batch => Assert.True(batch.Length * lengths[batch[0]] <= 2048));
        long tokens = lengths.Sum(length => (long)length);
        long padded = batches.Sum(batch => (long)batch.Length * lengths[batch[0]]);
        Assert.InRange(padded, tokens, tokens * 4 / 3);
        Assert.InRange(batches.Count, 1, (padded / 1024) + 20);
    }

    [Fact]
    public void Split_Nothing_GivesNothing() => Assert.Empty(MicroBatcher.Split([], [], 10, 10));
}
