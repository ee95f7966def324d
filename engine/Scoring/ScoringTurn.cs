using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Scoring;

/// <summary>Mutual exclusion for a model's scorer, round-robin over clients.</summary>
/// <remarks>A call takes one turn per batch while others wait, so a client with many sequences delays another by one batch.</remarks>
internal sealed class ScoringTurn
{
    private readonly Lock _lock = new();
    private readonly ClientLines<Waiting> _waiting = new();
    private string? _holder;                                 // client that has the turn; null if it is free

    /// <summary>Waits for the turn; the caller must then call <see cref="Leave"/>.</summary>
    /// <param name="client">Name of the client.</param>
    /// <param name="goesOn">Whether the call had a turn before; it then goes ahead of newer calls of its client.</param>
    /// <param name="cancellation">Cancels the wait at once, without a turn.</param>
    public async Task EnterAsync(string client, bool goesOn, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var turn = new Waiting(client);
        lock (_lock)
        {
            if (_holder is null)
            {
                _holder = client;
                return;
            }

            DropOver();                                      // cancelled calls must not pile up during a long batch
            _waiting.Add(client, turn, goesOn);
        }

        // The first event wins: a call that gets the turn keeps it, even if it is cancelled at the same time.
        await using var watch = cancellation.UnsafeRegister(static (waiting, token) => ((Waiting)waiting!).TrySetCanceled(token), turn);
        await turn.Task;
    }

    /// <summary>Whether another client waits for the turn.</summary>
    public bool IsWantedBesides(string client)
    {
        lock (_lock)
        {
            DropOver();
            return _waiting.HasOtherThan(client);
        }
    }

    /// <summary>Passes the turn to the next client, or frees it. The previous client goes to the end of the rotation.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            DropOver();
            _waiting.PutLast(_holder!);
            while (_waiting.TryPeek(out var next))
            {
                _waiting.Pass(done: true);
                if (next.TrySetResult())
                {
                    _holder = next.Client;
                    return;
                }
            }

            _holder = null;
        }
    }

    private void DropOver() => _waiting.RemoveOver(static turn => turn.Task.IsCompleted, static _ => 1);

    /// <summary>A waiting call; completes when it gets the turn.</summary>
    private sealed class Waiting(string client) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public string Client { get; } = client;
    }
}
