using Rudder.InferenceService.Scheduling;

namespace Rudder.InferenceService.Tests.Scheduling;

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
        var table = new PrefixTable(4);
        table.Set(2, Long);
        int[] prompt = [.. Long[..common], .. Enumerable.Repeat(-1, 100 - common)];
        Assert.Equal((expected > 0 ? 2 : -1, expected), table.Longest(prompt));
    }

    [Fact]
    public void Longest_SeveralRows_TakesTheLongest()
    {
        var table = new PrefixTable(4);
        table.Set(0, Long[..40]);
        table.Set(1, Long[..70]);
        table.Set(3, Long[..50]);
        Assert.Equal((1, 70), table.Longest(Long));
        table.Forget(1, 1);
        Assert.Equal((3, 50), table.Longest(Long));
        table.Copy(0, 3);
        Assert.Equal((0, 40), table.Longest(Long));
    }
}
