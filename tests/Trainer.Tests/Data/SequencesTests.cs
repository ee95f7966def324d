using Rudder.Trainer.Data;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Data;

public class SequencesTests
{
    [Fact]
    public void PackedBlocks_TwoDocuments_JoinsThemAndSharesTheBorderToken()
    {
        var blocks = new PackedBlocks([[1, 2, 3], [4, 5]], endOfText: 9, length: 3);
        Assert.Equal(2, blocks.Count); // 1 2 3 9 4 5 9
        Assert.Equal([1, 2, 3, 9], blocks.Row(0).ToArray());
        Assert.Equal([9, 4, 5, 9], blocks.Row(1).ToArray());
    }

    [Fact]
    public void PackedBlocks_ADocumentThatEndsItself_GetsNoSecondEnd()
    {
        var blocks = new PackedBlocks([[1, 2, 9], [4, 5]], endOfText: 9, length: 5);
        Assert.Equal([1, 2, 9, 4, 5, 9], blocks.Row(0).ToArray());
    }

    [Fact]
    public void WholeDocuments_ShortAndLong_ClosesOnlyTheWholeOne()
    {
        var documents = new WholeDocuments([("a", [1, 2]), ("b", [1, 2, 3, 4, 5]), ("c", [])], endOfText: 9, length: 3);
        Assert.Equal(2, documents.Count); // the empty one has nothing to predict
        Assert.Equal([1, 2, 9], documents.Row(0).ToArray());
        Assert.Equal([1, 2, 3, 4], documents.Row(1).ToArray());
        Assert.Equal("b", documents.NameOf(1));
    }

    [Fact]
    public void NextToken_RaggedRows_NamesTheValidPlacesOnly()
    {
        using var scope = NewDisposeScope();
        var documents = new WholeDocuments([("a", [1, 2]), ("b", [3, 4, 5, 6])], endOfText: 9, length: 8);
        LanguageBatch batch = Collator.NextToken(documents, [0, 1], CPU);
        Assert.Equal([1, 2, 0, 0, 3, 4, 5, 6], batch.Inputs.data<long>().ToArray());
        Assert.Equal([0, 1, 4, 5, 6, 7], batch.Places!.data<long>().ToArray());
        Assert.Equal([2, 9, 4, 5, 6, 9], batch.Targets.data<long>().ToArray());
        Assert.Equal(6, batch.Count);
    }

    [Fact]
    public void Windows_LongText_CoversItOnce() =>
        Assert.Equal([0..4, 4..8, 8..9], Crops.Windows(9, 4));

    [Theory]
    [InlineData(100)]
    [InlineData(5)] // shorter than the minimum: the whole text
    public void Random_ManyCrops_StayInsideTextAndLengths(int length)
    {
        for (int i = 0; i < 500; i++)
        {
            (int offset, int count) = Crops.Random(length, 8, 20, EpochRandom.Of(1, 2, i)).GetOffsetAndLength(length);
            Assert.InRange(count, Math.Min(8, length), Math.Min(20, length));
            Assert.InRange(offset, 0, length - count);
        }
    }

    [Fact]
    public void EpochRandom_NeighbouringPlaces_DrawDifferently()
    {
        int[] draws = [.. Enumerable.Range(0, 200).Select(i => EpochRandom.Of(0, i / 20, i % 20).Next(1 << 30))];
        Assert.Equal(200, draws.Distinct().Count());
        Assert.Equal(draws[7], EpochRandom.Of(0, 0, 7).Next(1 << 30));
    }
}
