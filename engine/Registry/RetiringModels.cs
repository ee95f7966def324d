using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Rudder.Checkpoints;

namespace Rudder.Engine.Registry;

/// <summary>Models that were replaced or unloaded. Drains their calls and frees their memory.</summary>
/// <param name="drainTime">Time that running calls have.</param>
/// <param name="time">Clock.</param>
/// <param name="logger">Receives a line for each event.</param>
/// <param name="whenFreed">Called after a model was freed, also if that failed.</param>
internal sealed class RetiringModels(TimeSpan drainTime, TimeProvider time, ILogger logger, Action<LoadedModel> whenFreed)
{
    /// <summary>Time that calls have to end after their cancellation: 30 s, because native calls cannot be interrupted.</summary>
    public static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Task, byte> _retiring = new();

    public Task WhenAllAsync() => Task.WhenAll(_retiring.Keys);

    /// <summary>Retires a model that calls can no longer name.</summary>
    /// <param name="model">The model; nothing else retires it.</param>
    /// <returns>
    /// Completes when its calls are over and its memory is free. It waits <see cref="EndGrace"/> for a call that ignores its cancellation.
    /// The engines are freed when that call leaves, never before.
    /// </returns>
    public Task Retire(LoadedModel model)
    {
        var task = RetireAsync(model);
        _retiring.TryAdd(task, 0);
        _ = task.ContinueWith(done => _retiring.TryRemove(done, out byte _), TaskScheduler.Default);
        return task;
    }

    private async Task RetireAsync(LoadedModel model)
    {
        model.Retire();
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);          // the caller does not free engines
        if (!await IsIdleWithinAsync(model, drainTime))
        {
            EngineLog.ModelDrainTimedOut(logger, model.Description.Name, (int)drainTime.TotalSeconds);
            await model.EndCallsAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!await IsIdleWithinAsync(model, EndGrace))
            {
                EngineLog.ModelCallsLeft(logger, model.Description.Name, model.Description.Fingerprint, (int)EndGrace.TotalSeconds);
                _ = FreeAsync(model);                        // not awaited: the call may never end
                return;
            }
        }

        await FreeAsync(model);
    }

    private async Task<bool> IsIdleWithinAsync(LoadedModel model, TimeSpan limit)
    {
        try
        {
            await model.Idle.WaitAsync(limit, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    // After a swap no caller awaits the old model, so its failure must be logged.
    private async Task FreeAsync(LoadedModel model)
    {
        try
        {
            await model.Idle;
            await model.DisposeAsync();
            EngineLog.ModelUnloaded(logger, model.Description.Name, model.Description.Fingerprint);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            EngineLog.ModelUnloadFailed(logger, model.Description.Name, MessageText.TypesOf(exception));
        }

        try
        {
            whenFreed(model);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            EngineLog.UnloadedHandlerFailed(logger, model.Description.Name, MessageText.TypesOf(exception));
        }
    }
}
