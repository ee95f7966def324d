using Rudder.Trainer.Data;

namespace Rudder.Trainer.Tests.Data;

public class LengthBucketsTests
{
    [Fact]
    public void Plan_ManyRows_UsesEachRowOnce()
    {
        int[] lengths = [.. Enumerable.Range(0, 1003).Select(i => 5 + ((i * 37) % 90))];
        IReadOnlyList<int[]> plan = LengthBuckets.Plan(lengths, 8, new Random(1));
        Assert.Equal(Enumerable.Range(0, 1003), plan.SelectMany(b => b).Order());
        Assert.All(plan, batch => Assert.InRange(batch.Length, 1, 8));
        Assert.Equal(126, plan.Count);
    }

    [Fact]
    public void Plan_MixedLengths_PadsLittle()
    {
        int[] lengths = [.. Enumerable.Range(0, 4000).Select(i => 16 + ((i * 7919) % 113))];
        IReadOnlyList<int[]> plan = LengthBuckets.Plan(lengths, 16, new Random(1));
        double padded = plan.Sum(b => b.Max(i => lengths[i]) * b.Length);
        Assert.InRange(padded / lengths.Sum(), 1, 1.05); // unsorted batches of 16 would compute about 1.7 times the tokens
    }

    [Fact]
    public void Plan_SameSeed_GivesTheSamePlan()
    {
        int[] lengths = [.. Enumerable.Range(0, 100)];
        Assert.Equal(LengthBuckets.Plan(lengths, 8, new Random(5)), LengthBuckets.Plan(lengths, 8, new Random(5)));
        Assert.NotEqual(LengthBuckets.Plan(lengths, 8, new Random(5)), LengthBuckets.Plan(lengths, 8, new Random(6)));
    }
}
