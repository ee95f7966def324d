using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public sealed class GroupBatchesTests
{
    private static readonly IReadOnlyList<PreferenceGroup> Groups = SamplePairs.Group(SamplePairs.Random(101, 2, seed: 3)).Groups;

    [Fact]
    public void Epoch_EveryGroup_IsInExactlyOneBatch()
    {
        IReadOnlyList<IReadOnlyList<PreferenceGroup>> batches = GroupBatches.Epoch(Groups, 4, seed: 7, epoch: 0);
        Assert.Equal(26, batches.Count);
        Assert.Single(batches, batch => batch.Count == 1);
        Assert.Equal(Groups.Select(g => g.PromptId).Order(), batches.SelectMany(b => b).Select(g => g.PromptId).Order());
    }

    [Fact]
    public void Epoch_SameSeedAndEpoch_SameOrder() => Assert.Equal(Order(7, 1), Order(7, 1));

    [Theory]
    [InlineData(8, 0)]
    [InlineData(7, 1)]
    public void Epoch_OtherSeedOrEpoch_OtherOrder(int seed, int epoch) => Assert.NotEqual(Order(7, 0), Order(seed, epoch));

    [Fact]
    public void Epoch_LongAndShortGroups_PadsLessThanUnsorted()
    {
        int Padded(IEnumerable<IReadOnlyList<PreferenceGroup>> batches) => batches.Sum(b => b.Max(g => g.Longest) * b.Count);
        Assert.True(Padded(GroupBatches.Epoch(Groups, 4, 7, 0)) < Padded(Groups.Chunk(4)));
    }

    [Fact]
    public void InOrder_EveryGroup_IsSortedByLength()
    {
        int[] lengths = [.. GroupBatches.InOrder(Groups, 4).SelectMany(b => b).Select(g => g.Longest)];
        Assert.Equal(Groups.Select(g => g.Longest).Order(), lengths);
    }

    private static string[] Order(int seed, int epoch) => [.. GroupBatches.Epoch(Groups, 4, seed, epoch).SelectMany(b => b).Select(g => g.PromptId)];
}
