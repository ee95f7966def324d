using Rudder.InferenceService.Http;

namespace Rudder.InferenceService.Tests.Http;

public sealed class StopHoldTests
{
    [Fact]
    public void Pass_NoStops_LetsEverythingThrough() => Assert.Equal("abc", new StopHold([]).Pass("abc"));

    [Fact]
    public void Pass_BeginningOfAStop_IsHeldUntilItIsNone()
    {
        var hold = new StopHold(["END"]);

        Assert.Equal("a ", hold.Pass("a E"));
        Assert.Equal("", hold.Pass("N"));
        Assert.Equal("ENX", hold.Pass("X"));
    }

    [Fact]
    public void Pass_WholeStop_LetsNothingAfterItThrough()
    {
        var hold = new StopHold(["ND", "END"]);

        Assert.Equal("a ", hold.Pass("a EN"));
        Assert.Equal("", hold.Pass("D and more"));
        Assert.Equal("", hold.Pass(" and more"));
    }

    [Fact]
    public void Pass_RepeatedBeginning_HoldsTheLongest()
    {
        var hold = new StopHold(["aab"]);

        Assert.Equal("", hold.Pass("aa"));
        Assert.Equal("a", hold.Pass("a"));
        Assert.Equal("", hold.Pass("b"));
    }
}
