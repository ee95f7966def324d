using Rudder.Engine.Scoring;

namespace Rudder.Engine.Tests.Scoring;

public sealed class ScoringTurnTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly ScoringTurn _turn = new();

    [Fact]
    public async Task Leave_SeveralClientsWait_HandsOverFromClientToClient()
    {
        await Enter("x");
        Task[] waiting = [Enter("a"), Enter("a"), Enter("b")];

        int[] order = [0, 2, 1];
        foreach (int next in order)
        {
            _turn.Leave();
            await waiting[next].WaitAsync(Limit);
            Assert.Equal(Array.IndexOf(order, next) + 1, waiting.Count(task => task.IsCompleted));
        }

        _turn.Leave();
        Assert.True(Enter("y").IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Leave_HolderHasAnotherCallThatWaitsLonger_TheOtherClientIsNext()
    {
        await Enter("a");
        var own = Enter("a");
        var other = Enter("b");

        _turn.Leave();
        await other.WaitAsync(Limit);

        Assert.False(own.IsCompleted);
        _turn.Leave();
        await own.WaitAsync(Limit);
    }

    [Fact]
    public async Task EnterAsync_ThatGoesOn_ComesBeforeItsClientsYoungerCalls()
    {
        await Enter("x");
        var younger = Enter("a");
        var goesOn = _turn.EnterAsync("a", goesOn: true, CancellationToken.None);

        _turn.Leave();
        await goesOn.WaitAsync(Limit);

        Assert.False(younger.IsCompleted);
        _turn.Leave();
        await younger.WaitAsync(Limit);
    }

    [Fact]
    public async Task EnterAsync_CancelledWhileWaiting_EndsAtOnceAndIsPassedOver()
    {
        await Enter("x");
        using var leaving = new CancellationTokenSource();
        var gone = _turn.EnterAsync("a", goesOn: false, leaving.Token);
        var stays = Enter("b");
        Assert.True(_turn.IsWantedBesides("b"));

        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone.WaitAsync(Limit));

        Assert.False(_turn.IsWantedBesides("b"));
        Assert.False(stays.IsCompleted);
        _turn.Leave();
        await stays.WaitAsync(Limit);
        _turn.Leave();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _turn.EnterAsync("a", goesOn: false, leaving.Token)); // though it is free
        Assert.True(Enter("y").IsCompletedSuccessfully);
    }

    [Fact]
    public async Task EnterAsync_FromManyClients_NeverTwoAtOnce()
    {
        int inside = 0, most = 0, rounds = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            for (int i = 0; i < 500; i++)
            {
                await Enter($"{client % 3}");
                most = Math.Max(most, Interlocked.Increment(ref inside));
                rounds++;
                Interlocked.Decrement(ref inside);
                _turn.Leave();
            }
        }))).WaitAsync(Limit);

        Assert.Equal((1, 4000), (most, rounds));
    }

    private Task Enter(string client) => _turn.EnterAsync(client, goesOn: false, CancellationToken.None);
}
