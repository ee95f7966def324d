using Rudder.Engine.Registry;

namespace Rudder.Engine.Tests.Support;

/// <summary>A generator whose work lasts until a test ends it, or its cancellation does.</summary>
internal sealed class FakeGenerator(string fingerprint) : IGenerator
{
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GeneratorInfo Info { get; } = new(fingerprint, 512, 64, 1, 511);

    /// <summary>Completes when the first call's work has begun.</summary>
    public Task Started => _started.Task;

    /// <summary>Completes when work was told to stop.</summary>
    public Task Cancelled => _cancelled.Task;

    /// <summary>Completes when the engine was freed.</summary>
    public Task Disposed => _disposed.Task;

    /// <summary>What the work fails with, before it is admitted.</summary>
    public Exception? Failure { get; init; }

    /// <summary>What the work fails with when it is told to stop; null lets it stop as it should.</summary>
    public Exception? FailureOnCancel { get; init; }

    /// <summary>What freeing the engine fails with; null lets it end as it should.</summary>
    public Exception? FailureOnDispose { get; init; }

    /// <summary>Turns of the scheduler that the work takes to stop when it is told to. Default 0.</summary>
    public int TurnsToStop { get; init; }

    /// <summary>Completes when that work has stopped.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>Whether the engine was freed under it.</summary>
    public bool FreedAtWork { get; private set; }

    /// <summary>Ends the work well.</summary>
    public void Release() => _release.SetResult();

    public async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation)
    {
        _started.TrySetResult();
        if (Failure is not null)
        {
            throw Failure;
        }

        batch.OnAdmitted?.Invoke();
        batch.Prompts[0].OnToken?.Invoke(new DrawnToken(0, 7, -1));
        try
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, batch.Ended);
            await _release.Task.WaitAsync(ended.Token);
        }
        catch (OperationCanceledException)
        {
            _cancelled.TrySetResult();
            for (int turn = 0; turn < TurnsToStop; turn++)
            {
                await Task.Yield();
            }

            FreedAtWork = _disposed.Task.IsCompleted;
            _stopped.TrySetResult();
            if (FailureOnCancel is not null)
            {
                throw FailureOnCancel;
            }

            throw;
        }

        return [.. batch.Prompts.Select(prompt => (IReadOnlyList<GeneratedSequence>)[new GeneratedSequence(0, [7], [-1], GenerationEnd.Length, prompt.Seed)])];
    }

    public ValueTask DisposeAsync()
    {
        _disposed.TrySetResult();
        return FailureOnDispose is null ? ValueTask.CompletedTask : ValueTask.FromException(FailureOnDispose);
    }

    /// <summary>A model around this generator.</summary>
    public LoadedModel Model(string name, EngineOptions? options = null) => new()
    {
        Description = new ModelDescription(name, new ModelSource(name, "/"), fingerprint, 512, 64) { Slots = 1, EosId = 511 },
        Options = options ?? new EngineOptions(),
        Generator = this,
    };
}

/// <summary>Hands out models in the order given, whatever folder is asked for.</summary>
internal sealed class FakeLoader(params FakeGenerator[] generators) : IModelLoader
{
    private int _next;

    public Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation) =>
        Task.FromResult(generators[_next++].Model(source.Name));
}
