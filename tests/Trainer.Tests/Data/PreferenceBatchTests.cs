using Rudder.Preference.V1;
using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public sealed class PreferenceBatchTests
{
    [Fact]
    public void Of_GroupMode_LaysEachCompletionOutOnce()
    {
        PreferencePair first = SamplePairs.Pair("p", [1, 2], (0, [3, 4]), (1, [5]));
        PreferencePair second = SamplePairs.Pair("p", [1, 2], (1, [5]), (2, [6, 7, 8]));
        var batch = PreferenceBatch.Of(SamplePairs.Group([first, second]).Groups, BatchMode.Group);
        Assert.Equal((3, 4, 3), (batch.Rows, batch.Length, batch.Longest));
        Assert.Equal([1, 2, 3, 0, 1, 2, 0, 0, 1, 2, 6, 7], batch.InputIds); // each row's last token is not fed
        Assert.Equal([1, 2, 5, 9, 10, 11], batch.Positions);
        Assert.Equal([3, 4, 5, 6, 7, 8], batch.Targets);
        Assert.Equal([0, 1, 6, 2, 6, 6, 3, 4, 5], batch.Slots); // 6 = no token
        Assert.Equal([2, 1, 3], batch.Lengths);
        Assert.Equal([0, 1], batch.Chosen);
        Assert.Equal([1, 2], batch.Rejected);
        Assert.Equal(12, batch.Tokens);
    }

    [Fact]
    public void Of_PairMode_LaysTwoRowsAPairOut()
    {
        IReadOnlyList<PreferenceGroup> groups = SamplePairs.Group(SamplePairs.Random(2, 4, seed: 5)).Groups;
        var group = PreferenceBatch.Of(groups, BatchMode.Group);
        var pair = PreferenceBatch.Of(groups, BatchMode.Pair);
        Assert.Equal((8, 24), (group.Rows, pair.Rows));
        Assert.Equal(group.Chosen.Select(r => group.CompletionRows[r]), pair.Chosen.Select(r => pair.CompletionRows[r]));
        Assert.Equal(group.Rejected.Select(r => group.CompletionRows[r]), pair.Rejected.Select(r => pair.CompletionRows[r]));
    }
}
