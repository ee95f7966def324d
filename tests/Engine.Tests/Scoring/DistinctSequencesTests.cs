using Rudder.Engine.Scoring;

namespace Rudder.Engine.Tests.Scoring;

public class DistinctSequencesTests
{
    [Fact]
    public void Items_Repeats_StandOnceInOrderOfFirstOccurrence()
    {
        var distinct = new DistinctSequences([[1, 2], [3], [1, 2], [], [2, 1], [3], [1]]);
        Assert.Equal([[1, 2], [3], [], [2, 1], [1]], distinct.Items);
    }

    [Fact]
    public void Spread_OneResultPerItem_GivesEverySequenceItsOwn()
    {
        var distinct = new DistinctSequences([[1, 2], [3], [1, 2], [], [3]]);
        string[] results = ["a", "b", "c"];
        string[] expected = ["a", "b", "a", "c", "b"];
        Assert.Equal(expected, distinct.Spread(results));
    }

    [Fact]
    public void Items_Nothing_IsEmpty() => Assert.Empty(new DistinctSequences([]).Items);
}
