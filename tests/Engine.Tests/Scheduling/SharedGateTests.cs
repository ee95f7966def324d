using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Tests.Scheduling;

public sealed class SharedGateTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly SharedGate _gate = new();

    [Fact]
    public async Task EnterAsync_SharedCalls_AreInsideTogether()
    {
        using var first = await Enter(alone: false).WaitAsync(Limit);
        using var second = await Enter(alone: false).WaitAsync(Limit);
    }

    [Fact]
    public async Task EnterAsync_Alone_WaitsForThoseInsideAndHoldsBackThoseBehind()
    {
        var first = await Enter(alone: false).WaitAsync(Limit);
        var second = await Enter(alone: false).WaitAsync(Limit);
        var alone = Enter(alone: true);
        var behind = Enter(alone: false);
        first.Dispose();
        Assert.False(alone.IsCompleted);
        second.Dispose();

        var inside = await alone.WaitAsync(Limit);
        Assert.False(behind.IsCompleted);
        inside.Dispose();
        (await behind.WaitAsync(Limit)).Dispose();
    }

    [Fact]
    public async Task EnterAsync_AloneIsCancelled_LetsInThoseBehind()
    {
        using var first = await Enter(alone: false).WaitAsync(Limit);
        using var cancellation = new CancellationTokenSource();
        var alone = _gate.EnterAsync(alone: true, cancellation.Token);
        var behind = Enter(alone: false);
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => alone.WaitAsync(Limit));
        (await behind.WaitAsync(Limit)).Dispose();
    }

    [Fact]
    public async Task Dispose_Twice_LeavesOnce()
    {
        var first = await Enter(alone: false).WaitAsync(Limit);
        using var second = await Enter(alone: false).WaitAsync(Limit);
        first.Dispose();
        first.Dispose();
        Assert.False(Enter(alone: true).IsCompleted);
    }

    [Fact]
    public async Task EnterAsync_CancelledCalls_LeaveTheLine()
    {
        using var alone = await Enter(alone: true).WaitAsync(Limit);
        using var cancellation = new CancellationTokenSource();
        Task[] waiting = [_gate.EnterAsync(alone: true, cancellation.Token), _gate.EnterAsync(alone: false, cancellation.Token)];
        var behind = Enter(alone: false);
        Assert.Equal(3, _gate.Waiting);

        await cancellation.CancelAsync();

        Assert.Equal(1, _gate.Waiting);
        alone.Dispose();
        (await behind.WaitAsync(Limit)).Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(waiting).WaitAsync(Limit));
    }

    private Task<IDisposable> Enter(bool alone) => _gate.EnterAsync(alone, CancellationToken.None);
}
