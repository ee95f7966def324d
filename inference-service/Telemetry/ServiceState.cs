namespace Rudder.InferenceService.Telemetry;

/// <summary>The service's phase and its running calls. Start and stop change the phase; health and every call read it.</summary>
internal sealed class ServiceState : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private TaskCompletionSource? _idle;
    private ServicePhase _phase = ServicePhase.Starting;
    private int _running;

    /// <summary>Fires when the drain time is over.</summary>
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

    /// <summary>Starts serving: the models are warm. Does nothing once draining has begun.</summary>
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

    /// <summary>Cancels the calls that still run.</summary>
    public void EndRunningCalls() => _ended.Cancel();

    /// <summary>Registers a call if the service accepts calls.</summary>
    /// <param name="phase">The current phase.</param>
    /// <returns>Whether the call may run. If so, <see cref="Leave"/> must follow.</returns>
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

    /// <summary>Unregisters a call that entered.</summary>
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
