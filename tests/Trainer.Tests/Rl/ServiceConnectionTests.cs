using Rudder.Trainer.Rl;

namespace Rudder.Trainer.Tests.Rl;

public class ServiceConnectionTests
{
    private const int Half = 1 << 20; // two fill a request

    [Theory]
    [InlineData(new[] { 1, 1, 1, 1, 1 }, new[] { 2, 2, 1 })] // two at a time
    [InlineData(new[] { Half, Half, 1 }, new[] { 2, 1 })]
    [InlineData(new[] { Half, Half + 1, 1 }, new[] { 1, 2 })]
    [InlineData(new[] { 9 * Half, 1 }, new[] { 1, 1 })] // the service refuses it by name
    [InlineData(new int[0], new int[0])]
    public void Parts_CountAndBytes_BoundEachPart(int[] bytes, int[] expected)
    {
        int[][] parts = [.. ServiceConnection.Parts(bytes, 2, size => size)];
        Assert.Equal(expected, parts.Select(part => part.Length));
        Assert.Equal(bytes, parts.SelectMany(part => part));
    }
}
