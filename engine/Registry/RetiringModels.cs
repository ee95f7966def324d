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
    private readonly ConcurrentDictionary<Task, byte> _retiring = new();

    /// <summary>Completes when every model is retired.</summary>
    public Task WhenAllAsync() => Task.WhenAll(_retiring.Keys);

    /// <summary>Retires a model that has lost its name.</summary>
    /// <param name="model">The model.</param>
    /// <returns>Completes when its calls are over and its memory is free; a call that ignores its end is not waited for longer.</returns>
    public Task Retire(LoadedModel model)
    {
        var task = RetireAsync(model);
        _retiring.TryAdd(task, 0);
        _ = task.ContinueWith(done => _retiring.TryRemove(done, out byte _), TaskScheduler.Default);
        return task;
    }

    private async Task RetireAsync(LoadedModel model)
    {
        try
        {
            var (inTime, freed) = await model.RetireAsync(drainTime, time);
            if (!inTime)
            {
                EngineLog.ModelDrainTimedOut(logger, model.Name, (int)drainTime.TotalSeconds);
            }

            if (!freed.IsCompleted)
            {
                EngineLog.ModelCallsLeft(logger, model.Name, model.Fingerprint, (int)LoadedModel.EndGrace.TotalSeconds);
                _ = ReportFreedAsync(model, freed);          // nobody waits for it: the call may never end
                return;
            }
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Nobody waits for the old model of a swap: its failure must not pass unseen.
            EngineLog.ModelUnloadFailed(logger, model.Name, MessageText.TypesOf(exception));
            return;
        }

        whenFreed(model);
    }

    private async Task ReportFreedAsync(LoadedModel model, Task freed)
    {
        try
        {
            await freed;
            whenFreed(model);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            EngineLog.ModelUnloadFailed(logger, model.Name, MessageText.TypesOf(exception));
        }
    }
}
