using Microsoft.Extensions.Diagnostics.HealthChecks;
using Rudder.Engine;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService;

/// <summary>Loads the models of the settings once Kestrel listens, and drains before Kestrel stops.</summary>
internal sealed class StartAndStop(
    ServiceState state,
    EngineHost models,
    ServiceOptions options,
    HealthCheckService health,
    IEnumerable<IHealthCheckPublisher> publishers,
    TimeProvider time,
    ILogger<StartAndStop> logger)
    : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Runs after every server has started: health answers NOT_SERVING meanwhile. A model that fails ends the start.</summary>
    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        foreach (var model in options.Models)
        {
            await models.LoadModelAsync(EngineSettings.Of(model), cancellationToken);
        }

        state.BecomeServing();
        await PublishHealthAsync(cancellationToken);
    }

    /// <summary>Runs before any server stops: new calls are refused, running ones have <see cref="ServiceOptions.DrainSeconds"/>.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        models.StopLoading();                                // a load that hashes would keep the process for minutes
        var idle = state.BecomeDraining();
        Log.Draining(logger, state.Running, options.DrainSeconds);
        await PublishHealthAsync(cancellationToken);
        try
        {
            await idle.WaitAsync(TimeSpan.FromSeconds(options.DrainSeconds), time, cancellationToken);
        }
        catch (TimeoutException)
        {
            Log.DrainTimedOut(logger, state.Running, options.DrainSeconds);
            state.EndRunningCalls();
            if (!await EndsAsync(idle, cancellationToken))
            {
                Log.CallsLeftRunning(logger, state.Running);
                return;
            }
        }

        Log.Drained(logger);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Open Watch calls learn of the change now, not at the health checks' next interval.
    private async Task PublishHealthAsync(CancellationToken cancellationToken)
    {
        var report = await health.CheckHealthAsync(cancellationToken);
        foreach (var publisher in publishers)
        {
            await publisher.PublishAsync(report, cancellationToken);
        }
    }

    // A call that does not heed its end must not hold up the service's for longer than the host allows.
    private static async Task<bool> EndsAsync(Task idle, CancellationToken cancellationToken)
    {
        try
        {
            await idle.WaitAsync(cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
