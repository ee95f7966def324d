namespace Rudder.InferenceService.Telemetry;

/// <summary>The service's phase and its running calls. Start and stop change the phase; health and every call read it.</summary>
internal sealed class ServiceState : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private TaskCompletionSource? _idle;
    private ServicePhase _phase = ServicePhase.Starting;
    private int _running;

    /// <summary>Fires when running calls have used up the time that draining gives them.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Number of running calls.</summary>
    public int Running
    {
        get
        {
            lock (_lock)
            {
                return _running;
            }
        }
    }

    /// <summary>The phase now.</summary>
    public ServicePhase Phase
    {
        get
        {
            lock (_lock)
            {
                return _phase;
            }
        }
    }

    /// <summary>Models are warm. Does nothing once draining has begun.</summary>
    public void BecomeServing()
    {
        lock (_lock)
        {
            _phase = _phase == ServicePhase.Starting ? ServicePhase.Serving : _phase;
        }
    }

    /// <summary>Refuses new calls.</summary>
    /// <returns>Completes when the last running call has ended.</returns>
    public Task BecomeDraining()
    {
        lock (_lock)
        {
            _phase = ServicePhase.Draining;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_running == 0)
            {
                _idle.TrySetResult();
            }

            return _idle.Task;
        }
    }

    /// <summary>Ends the calls that still run.</summary>
    public void EndRunningCalls() => _ended.Cancel();

    /// <summary>Registers a call where the service takes calls.</summary>
    /// <param name="phase">The phase that decided.</param>
    /// <returns>Whether the call may run; then <see cref="Leave"/> must follow.</returns>
    public bool TryEnter(out ServicePhase phase)
    {
        lock (_lock)
        {
            phase = _phase;
            if (phase != ServicePhase.Serving)
            {
                return false;
            }

            _running++;
            return true;
        }
    }

    /// <summary>A call that entered is over.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (--_running == 0)
            {
                _idle?.TrySetResult();
            }
        }
    }

    public void Dispose() => _ended.Dispose();
}
