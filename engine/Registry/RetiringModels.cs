using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Rudder.Checkpoints;

namespace Rudder.Engine.Registry;

/// <summary>Models that were replaced or unloaded: their calls drain, and their memory is freed.</summary>
/// <param name="drainTime">Time that running calls have.</param>
/// <param name="time">Clock.</param>
/// <param name="logger">Gets what happens to each.</param>
/// <param name="whenFreed">Called when the memory of a model is free.</param>
internal sealed class RetiringModels(TimeSpan drainTime, TimeProvider time, ILogger logger, Action<LoadedModel> whenFreed)
{
    /// <summary>Time that calls have to end after they were cancelled. 30 s: a native call cannot be cut short.</summary>
    public static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Task, byte> _retiring = new();

    public Task WhenAllAsync() => Task.WhenAll(_retiring.Keys);

    /// <summary>Retires a model that has lost its name.</summary>
    /// <param name="model">The model; nothing else retires it.</param>
    /// <returns>
    /// Completes when its calls are over and its memory is free. A call that ignores its end is waited for <see cref="EndGrace"/>; the
    /// engines under it are freed when it leaves, never before.
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
                _ = FreeAsync(model);                        // nobody waits for it: the call may never end
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

    // Nobody waits for the old model of a swap: its failure must not pass unseen.
    private async Task FreeAsync(LoadedModel model)
    {
        try
        {
            await model.Idle;
            await model.DisposeAsync();
            whenFreed(model);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            EngineLog.ModelUnloadFailed(logger, model.Description.Name, MessageText.TypesOf(exception));
        }
    }
}
