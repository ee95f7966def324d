using System.Diagnostics;

namespace Rudder.Engine.Generation;

/// <summary>One accepted batch in the engine: the completions that are still missing, and the task that its caller awaits.</summary>
internal sealed class BatchWork
{
    // Continuations run asynchronously, so the engine's thread never runs a caller's code.
    private readonly TaskCompletionSource<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationToken _cancellation;
    private readonly CancellationToken _ended;
    private readonly CancellationTokenRegistration _watch;
    private readonly CancellationTokenRegistration _endWatch;
    private int _missing;

    /// <summary>Creates a batch.</summary>
    /// <param name="batch">The request.</param>
    /// <param name="cancellation">Ends the batch. The caller gets its answer at once, even while the engine's thread is busy.</param>
    public BatchWork(GenerationBatch batch, CancellationToken cancellation)
    {
        (_cancellation, _ended) = (cancellation, batch.Ended);
        Client = batch.Client;
        Prompts = [.. batch.Prompts.Select(prompt => new PromptWork(this, prompt))];
        _missing = Prompts.Sum(prompt => prompt.Request.Samples);
        if (_missing == 0)
        {
            _completion.SetResult([]);
        }
        else
        {
            _watch = cancellation.UnsafeRegister(static work => ((BatchWork)work!).Cancel(), this);
            _endWatch = _ended.UnsafeRegister(static work => ((BatchWork)work!).Cancel(), this);
            Interlocked.MemoryBarrier();                     // a callback that ran before both were stored could not unregister them
            if (IsOver)
            {
                Cancel();
            }
        }
    }

    public string Client { get; }

    public IReadOnlyList<PromptWork> Prompts { get; }

    /// <summary>Version of the weights that compute it; the engine sets it on admission.</summary>
    public long WeightsVersion { get; set; }

    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> Completion => _completion.Task;

    /// <summary>Whether the batch is complete, failed or cancelled. Takes no lock.</summary>
    public bool IsOver => _completion.Task.IsCompleted || _cancellation.IsCancellationRequested || _ended.IsCancellationRequested;

    /// <summary>Whether the batch failed; false for a cancelled batch.</summary>
    public bool HasFailed => _completion.Task.IsFaulted;

    /// <summary>Adds one finished completion; the last one completes the batch.</summary>
    public void Finish(PromptWork prompt, GeneratedSequence sequence)
    {
        prompt.Results[sequence.SampleIndex] = sequence;
        prompt.Request.OnFinished?.Invoke(sequence);
        if (--_missing == 0)
        {
            StopWatching();
            _completion.TrySetResult([.. Prompts.Select(work => work.Results)]);
        }
    }

    public void Fail(Exception cause)
    {
        StopWatching();
        _completion.TrySetException(cause);
    }

    /// <summary>Unregisters from the caller's cancellation after the batch or its refusal. Does not wait for a running callback.</summary>
    public void StopWatching()
    {
        _watch.Unregister();
        _endWatch.Unregister();
    }

    // Without unregistering, the model's token would hold every cancelled batch until the model is unloaded.
    private void Cancel()
    {
        _completion.TrySetCanceled(_cancellation.IsCancellationRequested ? _cancellation : _ended);
        StopWatching();
    }
}

/// <summary>One prompt of a batch and its completions, which wait, run or are done.</summary>
internal sealed class PromptWork(BatchWork batch, PromptRequest request)
{
    public BatchWork Batch { get; } = batch;

    public PromptRequest Request { get; } = request;

    /// <summary>Time when it entered the queue, in stopwatch ticks.</summary>
    public long EnqueuedAt { get; } = Stopwatch.GetTimestamp();

    /// <summary>Finished completions, by sample index.</summary>
    public GeneratedSequence[] Results { get; } = new GeneratedSequence[request.Samples];

    /// <summary>Number of completions that already got a slot; also the next sample index.</summary>
    public int Started { get; set; }

    /// <summary>Number of completions that wait for a slot.</summary>
    public int Waiting => Request.Samples - Started;

    /// <summary>Cache tokens that each completion reserves: the prompt and its maximum new tokens.</summary>
    public long ReservedTokens => (long)Request.PromptIds.Length + Request.MaxNewTokens;
}
