using System.Diagnostics;

namespace Rudder.Engine.Generation;

/// <summary>One accepted batch on its way through the engine: what is still missing, and the task its caller waits for.</summary>
internal sealed class BatchWork
{
    // Continuations run elsewhere: the engine's thread never does a caller's work.
    private readonly TaskCompletionSource<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationToken _cancellation;
    private readonly CancellationTokenRegistration _watch;
    private int _missing;

    /// <summary>Starts a batch.</summary>
    /// <param name="batch">What was asked for.</param>
    /// <param name="cancellation">Ends it: the caller has its answer at once, also while the engine's thread is busy or waits.</param>
    public BatchWork(GenerationBatch batch, CancellationToken cancellation)
    {
        _cancellation = cancellation;
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
        }
    }

    /// <summary>Whose it is.</summary>
    public string Client { get; }

    /// <summary>One entry per prompt.</summary>
    public IReadOnlyList<PromptWork> Prompts { get; }

    /// <summary>What the caller waits for.</summary>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> Completion => _completion.Task;

    /// <summary>Whether nothing more is to be done for it: complete, failed or cancelled. Takes no lock.</summary>
    public bool IsOver => _completion.Task.IsCompleted || _cancellation.IsCancellationRequested;

    /// <summary>Whether it failed, rather than being given up.</summary>
    public bool HasFailed => _completion.Task.IsFaulted;

    /// <summary>Takes one finished completion; the last one completes the batch.</summary>
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

    /// <summary>Fails the whole batch.</summary>
    public void Fail(Exception cause)
    {
        StopWatching();
        _completion.TrySetException(cause);
    }

    /// <summary>Lets go of the caller's cancellation: the batch is over, or was never accepted. Does not wait for a cancellation under way.</summary>
    public void StopWatching() => _watch.Unregister();

    private void Cancel() => _completion.TrySetCanceled(_cancellation);
}

/// <summary>One prompt of a batch: its completions wait, run or are done.</summary>
/// <param name="batch">The batch it belongs to.</param>
/// <param name="request">What was asked for.</param>
internal sealed class PromptWork(BatchWork batch, PromptRequest request)
{
    /// <summary>The batch it belongs to.</summary>
    public BatchWork Batch { get; } = batch;

    /// <summary>What was asked for.</summary>
    public PromptRequest Request { get; } = request;

    /// <summary>When it was put in, in ticks of the stopwatch.</summary>
    public long EnqueuedAt { get; } = Stopwatch.GetTimestamp();

    /// <summary>Finished completions, by sample index.</summary>
    public GeneratedSequence[] Results { get; } = new GeneratedSequence[request.Samples];

    /// <summary>Completions that got a slot already; the next one's sample index.</summary>
    public int Started { get; set; }

    /// <summary>Completions still waiting for a slot.</summary>
    public int Waiting => Request.Samples - Started;

    /// <summary>Tokens of cache that each completion reserves: the prompt and all it may draw.</summary>
    public long ReservedTokens => (long)Request.PromptIds.Length + Request.MaxNewTokens;
}
