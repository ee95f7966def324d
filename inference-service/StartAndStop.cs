using Microsoft.Extensions.Diagnostics.HealthChecks;
using Rudder.Engine;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService;

/// <summary>Loads the models of the settings once Kestrel listens, and drains before Kestrel stops.</summary>
internal sealed class StartAndStop(
    ServiceState state,
    EngineHost models,
    ServiceMetrics metrics,
    ServiceOptions options,
    HealthCheckService health,
    IEnumerable<IHealthCheckPublisher> publishers,
    TimeProvider time,
    ILogger<StartAndStop> logger)
    : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Loads the models once all servers run. Health answers NOT_SERVING meanwhile. A failed load ends the start.</summary>
    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        models.Loaded += metrics.Loaded;
        models.Unloaded += metrics.Unloaded;
        foreach (var model in options.Models)
        {
            await models.LoadAsync(model.ToSource(), cancellationToken);
        }

        state.BecomeServing();
        await PublishHealthAsync(cancellationToken);
    }

    /// <summary>Drains before any server stops: refuses new calls; running ones have <see cref="EngineOptions.DrainSeconds"/>.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        models.StopLoading();                                // hashing a model could delay the stop by minutes
        var idle = state.BecomeDraining();
        Log.Draining(logger, state.Running, options.DrainSeconds);
        await PublishHealthAsync(cancellationToken);
        await idle.WaitAsync(TimeSpan.FromSeconds(options.DrainSeconds), time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!idle.IsCompleted)
        {
            Log.DrainTimedOut(logger, state.Running, options.DrainSeconds);
            state.EndRunningCalls();

            // A call that ignores cancellation must not delay the stop beyond the host's limit.
            await idle.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (idle.IsCompleted)
        {
            Log.Drained(logger);
        }
        else
        {
            Log.CallsLeftRunning(logger, state.Running);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Open Watch calls see the change now, not at the next health-check interval.
    private async Task PublishHealthAsync(CancellationToken cancellationToken)
    {
        var report = await health.CheckHealthAsync(cancellationToken);
        foreach (var publisher in publishers)
        {
            await publisher.PublishAsync(report, cancellationToken);
        }
    }
}
