using Rudder.Engine.Generation;

namespace Rudder.Engine.Tests.Generation;

public class PrefixTableTests
{
    private static readonly int[] Long = [.. Enumerable.Range(0, 100)];

    [Theory]
    [InlineData(100, 98)]                                    // all of it but the tokens that are always computed
    [InlineData(60, 60)]
    [InlineData(32, 32)]
    [InlineData(31, 0)]                                      // not worth a pass of its own
    [InlineData(0, 0)]
    public void Longest_CommonBeginning_GivesItsRowAndUsableTokens(int common, int expected)
    {
        var table = new PrefixTable(4, PrefixSharing.Client);
        table.Set(2, Long, "a");
        int[] prompt = [.. Long[..common], .. Enumerable.Repeat(-1, 100 - common)];
        Assert.Equal((expected > 0 ? 2 : -1, expected), table.Longest(prompt, "a"));
    }

    [Fact]
    public void Longest_SeveralRows_TakesTheLongest()
    {
        var table = new PrefixTable(4, PrefixSharing.Client);
        table.Set(0, Long[..40], "a");
        table.Set(1, Long[..70], "a");
        table.Set(3, Long[..50], "a");
        Assert.Equal((1, 70), table.Longest(Long, "a"));
        table.Forget(1, 1);
        Assert.Equal((3, 50), table.Longest(Long, "a"));
        table.Copy(0, 3);
        Assert.Equal((0, 40), table.Longest(Long, "a"));
    }

    [Theory]
    [InlineData(nameof(PrefixSharing.All), "a", 60)]
    [InlineData(nameof(PrefixSharing.All), "b", 60)]
    [InlineData(nameof(PrefixSharing.Client), "a", 40)]
    [InlineData(nameof(PrefixSharing.Client), "b", 60)]
    [InlineData(nameof(PrefixSharing.Client), "c", 0)]
    [InlineData(nameof(PrefixSharing.None), "a", 0)]
    public void Longest_RowsOfTwoClients_FindsThoseItMayShare(string sharing, string client, int expected)
    {
        var table = new PrefixTable(4, Enum.Parse<PrefixSharing>(sharing));
        table.Set(0, Long[..40], "a");
        table.Set(1, Long[..60], "b");
        Assert.Equal(expected, table.Longest(Long, client).Tokens);
    }

    [Fact]
    public void Copy_ARowOfAnotherClient_StaysThatClients()
    {
        var table = new PrefixTable(4, PrefixSharing.Client);
        table.Set(0, Long, "a");
        table.Copy(0, 1);
        table.Forget(0, 1);
        Assert.Equal(-1, table.Longest(Long, "b").Row);
        Assert.Equal(1, table.Longest(Long, "a").Row);
    }
}
