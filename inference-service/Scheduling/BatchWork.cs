using Rudder.InferenceService.Engines;

namespace Rudder.InferenceService.Scheduling;

/// <summary>One accepted batch on its way through the engine: what is still missing, and the task its caller waits for.</summary>
internal sealed class BatchWork
{
    // Continuations run elsewhere: the engine's thread never does a caller's work.
    private readonly TaskCompletionSource<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationToken _cancellation;
    private int _missing;

    /// <summary>Starts a batch.</summary>
    public BatchWork(GenerationBatch batch, CancellationToken cancellation)
    {
        _cancellation = cancellation;
        Prompts = [.. batch.Prompts.Select(prompt => new PromptWork(this, prompt))];
        _missing = Prompts.Sum(prompt => prompt.Request.Samples);
        if (_missing == 0)
        {
            _completion.SetResult([]);
        }
    }

    /// <summary>One entry per prompt.</summary>
    public IReadOnlyList<PromptWork> Prompts { get; }

    /// <summary>What the caller waits for.</summary>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> Completion => _completion.Task;

    /// <summary>Whether nothing more is to be done for it: complete, failed or cancelled.</summary>
    public bool IsOver
    {
        get
        {
            if (!_completion.Task.IsCompleted && _cancellation.IsCancellationRequested)
            {
                _completion.TrySetCanceled(_cancellation);
            }

            return _completion.Task.IsCompleted;
        }
    }

    /// <summary>Takes one finished completion; the last one completes the batch.</summary>
    public void Finish(PromptWork prompt, GeneratedSequence sequence)
    {
        prompt.Results[sequence.SampleIndex] = sequence;
        prompt.Request.OnFinished?.Invoke(sequence);
        if (--_missing == 0)
        {
            _completion.TrySetResult([.. Prompts.Select(work => work.Results)]);
        }
    }

    /// <summary>Fails the whole batch.</summary>
    public void Fail(Exception cause) => _completion.TrySetException(cause);
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

    /// <summary>Finished completions, by sample index.</summary>
    public GeneratedSequence[] Results { get; } = new GeneratedSequence[request.Samples];

    /// <summary>Completions that got a slot already; the next one's sample index.</summary>
    public int Started { get; set; }

    /// <summary>Completions still waiting for a slot.</summary>
    public int Waiting => Request.Samples - Started;
}
