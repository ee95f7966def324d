using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Tests.Scheduling;

public sealed class SequenceQuotaTests
{
    private readonly SequenceQuota _quota = new();

    [Fact]
    public void Enter_BeyondTheCapacity_IsRefusedUntilAnotherLeaves()
    {
        var first = _quota.Enter(3, capacity: 4);
        using var second = _quota.Enter(1, capacity: 4);
        string refusal = Assert.Throws<RequestFault>(() => _quota.Enter(1, capacity: 4)).Message;

        Assert.Contains("4 sequences wait already and the request adds 1; the queue holds 4", refusal);
        Assert.Equal(4, _quota.Held);
        first.Dispose();
        using var third = _quota.Enter(2, capacity: 4);
        Assert.Equal(3, _quota.Held);
    }

    [Fact]
    public void Enter_LargerThanTheCapacity_PassesOnlyAlone()
    {
        using (_quota.Enter(9, capacity: 4))
        {
            Assert.Throws<RequestFault>(() => _quota.Enter(1, capacity: 4));
        }

        using var small = _quota.Enter(1, capacity: 4);
        Assert.Throws<RequestFault>(() => _quota.Enter(9, capacity: 4));
    }

    [Fact]
    public void Dispose_Twice_CountsOutOnce()
    {
        var place = _quota.Enter(2, capacity: 4);
        using var other = _quota.Enter(1, capacity: 4);

        place.Dispose();
        place.Dispose();

        Assert.Equal(1, _quota.Held);
    }
}
