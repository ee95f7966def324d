using Rudder.Engine.Scoring;

namespace Rudder.Engine.Tests.Scoring;

public sealed class ScoringAdmissionTests
{
    private readonly ScoringAdmission _admission = new();

    [Fact]
    public void Enter_BeyondTheCapacity_IsRefusedUntilAnotherLeaves()
    {
        var first = _admission.Enter(3, capacity: 4);
        using var second = _admission.Enter(1, capacity: 4);
        string refusal = Assert.Throws<RequestFault>(() => _admission.Enter(1, capacity: 4)).Message;

        Assert.Contains("4 sequences wait already and the request adds 1; the queue holds 4", refusal);
        Assert.Equal(4, _admission.Held);
        first.Dispose();
        using var third = _admission.Enter(2, capacity: 4);
        Assert.Equal(3, _admission.Held);
    }

    [Fact]
    public void Enter_LargerThanTheCapacity_PassesOnlyAlone()
    {
        using (_admission.Enter(9, capacity: 4))
        {
            Assert.Throws<RequestFault>(() => _admission.Enter(1, capacity: 4));
        }

        using var small = _admission.Enter(1, capacity: 4);
        Assert.Throws<RequestFault>(() => _admission.Enter(9, capacity: 4));
    }

    [Fact]
    public void Dispose_Twice_CountsOutOnce()
    {
        var place = _admission.Enter(2, capacity: 4);
        using var other = _admission.Enter(1, capacity: 4);

        place.Dispose();
        place.Dispose();

        Assert.Equal(1, _admission.Held);
    }
}
