using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Scoring;

/// <summary>The turn to use a model's scorer: one call has it at a time, and it goes from client to client.</summary>
/// <remarks>
/// A call takes a turn per batch where others wait, so a client with a thousand sequences delays another's by the batch that
/// runs, not by all of them.
/// </remarks>
internal sealed class ScoringTurn
{
    private readonly Lock _lock = new();
    private readonly ClientLines<Waiting> _waiting = new();
    private string? _holder;                                 // the client whose call has the turn; null: nobody has it

    /// <summary>Waits for the turn; <see cref="Leave"/> must follow.</summary>
    /// <param name="client">Whose call it is.</param>
    /// <param name="goesOn">Whether the call had a turn before: then it comes before its client's younger ones.</param>
    /// <param name="cancellation">Ends the waiting at once; no turn is held then.</param>
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

            DropOver();                                      // what was given up must not pile up while a long batch runs
            _waiting.Add(client, turn, goesOn);
        }

        // Whichever comes first: a turn that was handed over stays the call's, though it is cancelled at the same time.
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

    /// <summary>Hands the turn to the client that is next, or to nobody. The one that had it is last, whatever else it has waiting.</summary>
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

    /// <summary>A call that waits for the turn; completed when it has it.</summary>
    /// <param name="client">Whose call it is.</param>
    private sealed class Waiting(string client) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public string Client { get; } = client;
    }
}
