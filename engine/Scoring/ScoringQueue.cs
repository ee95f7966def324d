using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Scoring;

/// <summary>Merges concurrent calls to one classifier: calls queue during a run, and the next run takes windows from all of them.</summary>
/// <remarks>
/// A reward service gets many calls of a few texts. Separate runs would be too small for efficient matrix products. A run is bounded,
/// and clients take turns to fill it, one window per turn: a client with a thousand windows delays another client by the current run,
/// not by all its windows. A client's calls run oldest first, and a call's windows longest first, so that the windows of a run have
/// similar lengths.
/// </remarks>
/// <param name="maxTokens">Maximum tokens of one run, without padding; a longer window runs alone. More makes callers wait longer.</param>
/// <param name="run">Computes one row of results per window; called from one thread at a time.</param>
internal sealed class ScoringQueue(long maxTokens, Func<IReadOnlyList<int[]>, CancellationToken, float[][]> run)
{
    private readonly Lock _lock = new();
    private readonly ClientLines<Call> _waiting = new();
    private bool _running;

    /// <summary>Runs windows, possibly merged with other calls and possibly in several runs, and awaits their results.</summary>
    /// <param name="windows">Id sequences that fit the model; they must not change until the call ends.</param>
    /// <param name="client">Name of the client; clients take turns.</param>
    /// <param name="cancellation">Cancels this call at once, with its waiting windows. A run stops when all its callers have left.</param>
    /// <returns>One row per window, in order.</returns>
    public Task<float[][]> RunAsync(IReadOnlyList<int[]> windows, string client, CancellationToken cancellation)
    {
        if (windows.Count == 0)
        {
            return Task.FromResult<float[][]>([]);
        }

        var call = new Call(windows, cancellation);
        lock (_lock)
        {
            DropOver();                                      // cancelled calls must not pile up during a long run
            _waiting.Add(client, call);
            if (!_running)
            {
                _running = true;
                // Suppress the caller's execution context: the worker also serves other calls.
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

    /// <summary>Takes the calls of the next run. An empty result means that nothing waits; the next call then starts a worker.</summary>
    private List<Call> Take()
    {
        List<Call> taken = [];
        long tokens = 0;
        lock (_lock)
        {
            DropOver();
            while (_waiting.TryPeek(out var call) && (taken.Count == 0 || tokens + call.NextTokens <= maxTokens))
            {
                tokens += call.NextTokens;
                if (call.TakeNext())
                {
                    taken.Add(call);
                }

                _waiting.Pass(done: call.IsTaken);
            }

            _running = taken.Count > 0;
        }

        return taken;
    }

    private void DropOver() => _waiting.RemoveOver(static call => call.IsOver, static _ => 1);

    private void Serve(List<Call> calls)
    {
        try
        {
            RunTogether(calls);
        }
        catch (Exception) when (calls.Count > 1)
        {
            // The failing call is unknown. Run each call again alone, so that only the faulty one fails.
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
            float[][] rows = run([.. calls.SelectMany(call => call.Running)], abandoned.Token);
            int first = 0;
            foreach (var call in calls)
            {
                first += call.Finish(rows.AsSpan(first));
            }
        }
        finally
        {
            registrations.ForEach(registration => registration.Dispose());
        }
    }

    /// <summary>One call. Its windows are done, running or waiting, in this order. Guarded by the queue's lock and worker.</summary>
    private sealed class Call(IReadOnlyList<int[]> windows, CancellationToken cancellation)
    {
        private readonly TaskCompletionSource<float[][]> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly int[] _order = [.. Enumerable.Range(0, windows.Count).OrderByDescending(window => windows[window].Length)];
        private readonly float[][] _rows = new float[windows.Count][];
        private int _done;
        private int _running;

        public CancellationToken Cancellation { get; } = cancellation;

        public Task<float[][]> Result => _result.Task;

        /// <summary>Whether the call is cancelled, failed or done.</summary>
        public bool IsOver => _result.Task.IsCompleted || Cancellation.IsCancellationRequested;

        /// <summary>Tokens of the longest waiting window; there is one unless <see cref="IsTaken"/>.</summary>
        public int NextTokens => windows[_order[_done + _running]].Length;

        /// <summary>Whether no window waits any more.</summary>
        public bool IsTaken => _done + _running == _order.Length;

        /// <summary>The windows of the current run.</summary>
        public IEnumerable<int[]> Running => _order.Skip(_done).Take(_running).Select(window => windows[window]);

        /// <summary>Moves the longest waiting window into the next run.</summary>
        /// <returns>Whether it is the call's first window in that run.</returns>
        public bool TakeNext() => ++_running == 1;

        /// <summary>Takes the results of its windows in this run, the first of <paramref name="rows"/>.</summary>
        /// <returns>The number of results taken.</returns>
        public int Finish(ReadOnlySpan<float[]> rows)
        {
            int count = _running;
            for (int i = 0; i < count; i++)
            {
                _rows[_order[_done + i]] = rows[i];
            }

            (_done, _running) = (_done + count, 0);
            if (_done == _order.Length)
            {
                _result.TrySetResult(_rows);
            }

            return count;
        }

        public void Fail(Exception e)
        {
            // A cancelled caller observes no exception.
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
