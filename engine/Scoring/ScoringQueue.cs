using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Scoring;

/// <summary>Merges calls that wait at the same time for one classifier: while one run goes on the others queue, and the next run takes of them together.</summary>
/// <remarks>
/// A reward service gets many calls of a few texts; run one by one they would be batches too small for efficient products. A run is
/// bounded, and clients take turns in filling it, one window a turn: a client with a thousand windows delays another's by the run
/// that goes on, not by all of them. A client's own calls go oldest first, and a call's windows longest first, so that those of one
/// run are of similar length.
/// </remarks>
/// <param name="maxTokens">Tokens of one run, padding not counted; a single longer window runs by itself. More would only make callers wait longer.</param>
/// <param name="run">Gives one row of results per window; called from one thread at a time.</param>
internal sealed class ScoringQueue(long maxTokens, Func<IReadOnlyList<int[]>, CancellationToken, float[][]> run)
{
    private readonly Lock _lock = new();
    private readonly ClientLines<Call> _waiting = new();
    private bool _running;

    /// <summary>Runs windows, perhaps together with those of other calls and perhaps in several runs, and waits for their results.</summary>
    /// <param name="windows">Id sequences that the model takes; they must not change meanwhile.</param>
    /// <param name="client">Whose call it is: clients take turns.</param>
    /// <param name="cancellation">Ends this call at once. Windows that wait are then never run; a run in progress stops when none of its callers is left.</param>
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
            DropOver();                                      // what was given up must not pile up while a long run goes on
            _waiting.Add(client, call);
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

    /// <summary>The calls whose windows fill the next run. None: nothing waits, and the next call starts a worker again.</summary>
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

    /// <summary>One call: its windows are done, run, or wait, in this order. The queue's lock and its one worker guard it.</summary>
    private sealed class Call(IReadOnlyList<int[]> windows, CancellationToken cancellation)
    {
        private readonly TaskCompletionSource<float[][]> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly int[] _order = [.. Enumerable.Range(0, windows.Count).OrderByDescending(window => windows[window].Length)];
        private readonly float[][] _rows = new float[windows.Count][];
        private int _done;
        private int _running;

        public CancellationToken Cancellation { get; } = cancellation;

        public Task<float[][]> Result => _result.Task;

        /// <summary>Whether nothing more of it needs to run: given up, failed or done.</summary>
        public bool IsOver => _result.Task.IsCompleted || Cancellation.IsCancellationRequested;

        /// <summary>Tokens of the longest window that waits; there is one unless <see cref="IsTaken"/>.</summary>
        public int NextTokens => windows[_order[_done + _running]].Length;

        /// <summary>Whether no window waits any more.</summary>
        public bool IsTaken => _done + _running == _order.Length;

        /// <summary>The windows of this run.</summary>
        public IEnumerable<int[]> Running => _order.Skip(_done).Take(_running).Select(window => windows[window]);

        /// <summary>Takes the longest window that waits into the next run.</summary>
        /// <returns>Whether it is the call's first there.</returns>
        public bool TakeNext() => ++_running == 1;

        /// <summary>Takes the results of its windows in this run, the first of <paramref name="rows"/>.</summary>
        /// <returns>How many those were.</returns>
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
