namespace Rudder.InferenceService.Telemetry;

/// <summary>The service's phase and its running calls; told by start and stop, asked by health and by every call.</summary>
internal sealed class ServiceState : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private TaskCompletionSource _phaseChanged = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _idle;
    private ServicePhase _phase = ServicePhase.Starting;
    private int _running;

    /// <summary>Fires when running calls have used up the time that draining gives them.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Calls that run now.</summary>
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

    /// <summary>The phase, and a task that completes when it has changed.</summary>
    public (ServicePhase Phase, Task Changed) Current
    {
        get
        {
            lock (_lock)
            {
                return (_phase, _phaseChanged.Task);
            }
        }
    }

    /// <summary>Models are warm. Does nothing once draining has begun.</summary>
    public void BecomeServing() => Change(ServicePhase.Serving);

    /// <summary>Refuses new calls.</summary>
    /// <returns>Completes when no call runs any more.</returns>
    public Task BecomeDraining()
    {
        Change(ServicePhase.Draining);
        lock (_lock)
        {
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

    private void Change(ServicePhase phase)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (phase <= _phase)
            {
                return;
            }

            _phase = phase;
            changed = _phaseChanged;
            _phaseChanged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        changed.SetResult();
    }
}
