using Rudder.Trainer.Parallel;

namespace Rudder.Trainer.Tests.Parallel;

public class RanksTests
{
    [Theory]
    [InlineData(8, 2)]
    [InlineData(7, 3)]
    [InlineData(1, 2)]
    [InlineData(0, 2)]
    public void Part_OfAllProcesses_AreAllRowsInOrder(int rows, int processes)
    {
        int[] all = [.. Enumerable.Range(0, rows)];
        Assert.Equal(all, Enumerable.Range(0, processes).SelectMany(rank => new Other(rank, processes).Part(all)));
    }

    [Fact]
    public void Part_RowsThatDivide_AreEquallyMany() =>
        Assert.All(Enumerable.Range(0, 4), rank => Assert.Equal(3, new Other(rank, 4).Part(new int[12]).Length));

    [Fact]
    public void One_Exchanges_ItsOwnValues()
    {
        Assert.Equal([1.5, 2], Ranks.One.Sum(1.5, 2));
        Assert.Equal(["a"], Ranks.One.Gather("a"));
        Assert.False(Ranks.One.Any(false));
        Assert.Equal(string.Empty, Ranks.One.Launcher);
    }

    [Fact]
    public void SeedOf_FirstProcess_IsTheRecipesAndTheOthersDiffer()
    {
        int[] seeds = [.. Enumerable.Range(0, 4).Select(rank => new Other(rank, 4).SeedOf(7))];
        Assert.Equal(7, seeds[0]);
        Assert.Equal(4, seeds.Distinct().Count());
    }

    private sealed class Other(int rank, int count) : Ranks
    {
        public override int Rank => rank;

        public override int Count => count;
    }
}
