namespace Rudder.InferenceService.Scheduling;

/// <summary>Merges calls that wait at the same time for one classifier: while one run goes on the others queue, and the next run takes them together.</summary>
/// <remarks>A reward service gets many calls of a few texts; run one by one they would be batches too small for efficient products.</remarks>
/// <param name="maxTokens">Tokens of one merged run, padding not counted; a single larger call runs by itself. More would only make its callers wait longer.</param>
/// <param name="run">Gives one row of results per window; called from one thread at a time.</param>
internal sealed class ScoringQueue(long maxTokens, Func<IReadOnlyList<int[]>, CancellationToken, float[][]> run)
{
    private readonly Lock _lock = new();
    private readonly Queue<Call> _waiting = new();
    private bool _running;

    /// <summary>Runs windows, perhaps together with those of other calls, and waits for their results.</summary>
    /// <param name="windows">Id sequences that the model takes; they must not change meanwhile.</param>
    /// <param name="cancellation">Ends this call at once. Windows that wait are then never run; a run in progress stops when none of its callers is left.</param>
    /// <returns>One row per window, in order.</returns>
    public Task<float[][]> RunAsync(IReadOnlyList<int[]> windows, CancellationToken cancellation)
    {
        var call = new Call(windows, cancellation);
        lock (_lock)
        {
            _waiting.Enqueue(call);
            if (!_running)
            {
                _running = true;
                // Without the caller's execution context: the worker serves other calls too.
                ThreadPool.UnsafeQueueUserWorkItem(static queue => queue.Work(), this, preferLocal: false);
            }
        }

        return call.Result.WaitAsync(cancellation);
    }

    private void Work()
    {
        while (Take() is { Count: > 0 } calls)
        {
            Serve(calls);
        }
    }

    /// <summary>The calls of the next run, oldest first. None: nothing waits, and the next call starts a worker again.</summary>
    private List<Call> Take()
    {
        List<Call> taken = [];
        long tokens = 0;
        lock (_lock)
        {
            while (_waiting.TryPeek(out var call) && (taken.Count == 0 || tokens + call.Tokens <= maxTokens))
            {
                _waiting.Dequeue();
                if (!call.Cancellation.IsCancellationRequested)
                {
                    taken.Add(call);
                    tokens += call.Tokens;
                }
            }

            _running = taken.Count > 0;
        }

        return taken;
    }

    private void Serve(List<Call> calls)
    {
        try
        {
            RunTogether(calls);
        }
        catch (Exception) when (calls.Count > 1)
        {
            // Which call brought the failure is not known: each again by itself, so that only the one at fault fails.
            foreach (var call in calls)
            {
                Serve([call]);
            }
        }
        catch (Exception e)
        {
            calls[0].Fail(e);
        }
    }

    private void RunTogether(List<Call> calls)
    {
        using var abandoned = new CancellationTokenSource();
        int callers = calls.Count;
        void Leave()
        {
            if (Interlocked.Decrement(ref callers) == 0)
            {
                abandoned.Cancel();
            }
        }

        var registrations = calls.ConvertAll(call => call.Cancellation.Register(Leave));
        try
        {
            float[][] rows = run([.. calls.SelectMany(call => call.Windows)], abandoned.Token);
            int first = 0;
            foreach (var call in calls)
            {
                call.Finish(rows[first..(first + call.Windows.Count)]);
                first += call.Windows.Count;
            }
        }
        finally
        {
            registrations.ForEach(registration => registration.Dispose());
        }
    }

    private sealed class Call(IReadOnlyList<int[]> windows, CancellationToken cancellation)
    {
        private readonly TaskCompletionSource<float[][]> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public IReadOnlyList<int[]> Windows { get; } = windows;

        public CancellationToken Cancellation { get; } = cancellation;

        public long Tokens { get; } = windows.Sum(window => (long)window.Length);

        public Task<float[][]> Result => _result.Task;

        public void Finish(float[][] rows) => _result.TrySetResult(rows);

        public void Fail(Exception e)
        {
            // A caller that has left observes nothing.
            if (Cancellation.IsCancellationRequested)
            {
                _result.TrySetCanceled(Cancellation);
            }
            else
            {
                _result.TrySetException(e);
            }
        }
    }
}
