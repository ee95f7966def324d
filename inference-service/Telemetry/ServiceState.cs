using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Rudder.InferenceService.Telemetry;

/// <summary>The phase of the service's life cycle.</summary>
internal enum ServicePhase
{
    /// <summary>Models are loading. Calls are refused and health answers NOT_SERVING.</summary>
    Starting,

    /// <summary>Every model of the settings is warm.</summary>
    Serving,

    /// <summary>Running calls finish. New calls are refused.</summary>
    Draining,
}

/// <summary>The service's phase and its running calls. Start and stop change the phase; health and every call read it.</summary>
internal sealed class ServiceState : IHealthCheck, IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ended = new();
    private TaskCompletionSource? _idle;
    private volatile ServicePhase _phase = ServicePhase.Starting;
    private int _running;

    /// <summary>Fires when the drain time is over.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Number of running calls.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>The phase now.</summary>
    public ServicePhase Phase => _phase;

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

    /// <summary>Healthy while every model of the settings is warm and the service is not draining.</summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Phase == ServicePhase.Serving ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(Phase.ToString()));

    public void Dispose() => _ended.Dispose();
}
