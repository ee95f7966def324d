using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Rudder.Engine.Registry;

namespace Rudder.Engine;

/// <summary>The models by name. A new one is loaded and warmed beside the old, takes its name in one step, and the old one drains.</summary>
internal sealed class EngineHost(IModelLoader loader, EngineOptions options, TimeProvider time, ILogger<EngineHost> logger)
    : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, LoadedModel> _models = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Task, byte> _retiring = new();

    // One load at a time: two at once would need the memory of two models more.
    private readonly SemaphoreSlim _loading = new(1, 1);
    private volatile bool _closed;

    /// <summary>Models by name, in the order of their names.</summary>
    public IReadOnlyList<LoadedModel> List() => [.. _models.Values.OrderBy(model => model.Name, StringComparer.Ordinal)];

    /// <summary>The model of a name, held until the lease is disposed.</summary>
    /// <exception cref="ModelNotFoundException">No model has the name.</exception>
    public ModelLease Acquire(string name)
    {
        while (_models.TryGetValue(name, out var model))
        {
            if (model.TryEnter())
            {
                return new ModelLease(model);
            }
        }

        throw new ModelNotFoundException(name, _models.Keys);
    }

    /// <summary>Loads and warms a folder, then gives it the name. A model that has the name is replaced, and drains in the background.</summary>
    /// <exception cref="EngineDrainingException">The registry was disposed meanwhile: what was loaded is freed again.</exception>
    public async Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation)
    {
        await _loading.WaitAsync(cancellation);
        try
        {
            long start = time.GetTimestamp();
            var model = await loader.LoadAsync(source, cancellation);
            LoadedModel? old = null;
            // Each factory says what it found: a name unloaded meanwhile has the second follow the first.
            _models.AddOrUpdate(
                source.Name,
                _ =>
                {
                    old = null;
                    return model;
                },
                (_, current) =>
                {
                    old = current;
                    return model;
                });
            string kind = model.Classifier is null ? "generator" : "classifier";
            EngineLog.ModelWarm(logger, model.Name, kind, source.Precision.ToString(), model.Fingerprint, time.GetElapsedTime(start).TotalSeconds);
            if (old is not null)
            {
                EngineLog.ModelReplaced(logger, old.Name, old.Fingerprint);
                _ = Retire(old);
            }

            await RefuseWhenClosedAsync(model);
            return model;
        }
        finally
        {
            _loading.Release();
        }
    }

    /// <summary>Takes the name away at once.</summary>
    /// <returns>Completes when the model's calls are over and its memory is free; a call that ignores its end is not waited for longer.</returns>
    /// <exception cref="ModelNotFoundException">No model has the name.</exception>
    public Task UnloadAsync(string name) =>
        _models.TryRemove(name, out var model) ? Retire(model) : throw new ModelNotFoundException(name, _models.Keys);

    /// <summary>Unloads every model. A load under way is not waited for: it finds the registry closed and takes its model back.</summary>
    public async ValueTask DisposeAsync()
    {
        _closed = true;
        foreach (string name in _models.Keys)
        {
            if (_models.TryRemove(name, out var model))
            {
                _ = Retire(model);
            }
        }

        await Task.WhenAll(_retiring.Keys);
    }

    // The model has its name already: whichever of the two comes later, this look or the unloading of all, finds it.
    private async Task RefuseWhenClosedAsync(LoadedModel model)
    {
        if (!_closed)
        {
            return;
        }

        if (_models.TryRemove(KeyValuePair.Create(model.Name, model)))
        {
            await Retire(model);
        }

        throw EngineFaults.Closed();
    }

    private Task Retire(LoadedModel model)
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
            var (inTime, freed) = await model.RetireAsync(options.DrainTime, time);
            if (!inTime)
            {
                EngineLog.ModelDrainTimedOut(logger, model.Name, (int)options.DrainTime.TotalSeconds);
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
            EngineLog.ModelUnloadFailed(logger, model.Name, EngineLog.Describe(exception));
            return;
        }

        EngineLog.ModelUnloaded(logger, model.Name, model.Fingerprint);
    }

    private async Task ReportFreedAsync(LoadedModel model, Task freed)
    {
        try
        {
            await freed;
            EngineLog.ModelUnloaded(logger, model.Name, model.Fingerprint);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            EngineLog.ModelUnloadFailed(logger, model.Name, EngineLog.Describe(exception));
        }
    }
}
