namespace Rudder.Engine.Scheduling;

/// <summary>Lets many calls in at once, or one call alone. Calls enter in the order of their arrival.</summary>
internal sealed class SharedGate
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Entry> _waiting = new();
    private int _inside;
    private bool _alone;

    /// <summary>Number of calls that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Waits for entry; disposing the result leaves.</summary>
    /// <param name="alone">Whether no other call may be inside. Calls that arrive meanwhile wait.</param>
    /// <param name="cancellation">Cancels the wait at once, without entry.</param>
    public async Task<IDisposable> EnterAsync(bool alone, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var entry = new Entry(this, alone);
        lock (_lock)
        {
            _waiting.AddLast(entry);
            LetIn();
        }

        // The first event wins: a call that is inside stays inside, even if it is cancelled at the same time.
        await using var watch = cancellation.UnsafeRegister(static (waiting, token) => ((Entry)waiting!).Cancel(token), entry);
        await entry.Task;
        return entry;
    }

    private void LetIn()
    {
        while (!_alone && _waiting.First?.Value is { } next && (next.Task.IsCompleted || !next.IsAlone || _inside == 0))
        {
            _waiting.RemoveFirst();
            if (next.TrySetResult())
            {
                (_inside, _alone) = (_inside + 1, next.IsAlone);
            }
        }
    }

    private void Leave()
    {
        lock (_lock)
        {
            (_inside, _alone) = (_inside - 1, false);
            LetIn();
        }
    }

    /// <summary>A call that waits or is inside.</summary>
    /// <param name="gate">The gate.</param>
    /// <param name="alone">Whether it needs the gate alone.</param>
    private sealed class Entry(SharedGate gate, bool alone)
        : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), IDisposable
    {
        private int _disposed;

        public bool IsAlone => alone;

        public void Cancel(CancellationToken token)
        {
            if (TrySetCanceled(token))
            {
                lock (gate._lock)
                {
                    gate._waiting.Remove(this);
                    gate.LetIn();                            // the calls behind it
                }
            }
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                gate.Leave();
            }
        }
    }
}
