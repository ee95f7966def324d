namespace Rudder.Engine.Generation;

/// <summary>A change of the weights, which waits in the queue until every earlier request has finished.</summary>
internal sealed class WeightChange
{
    private readonly TaskCompletionSource<long> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenRegistration _watch;
    private readonly Action _change;
    private int _begun;

    /// <summary>Creates a change.</summary>
    /// <param name="change">Writes the weights; it runs on the engine's thread.</param>
    /// <param name="cancellation">Ends the wait. A change that has begun completes.</param>
    public WeightChange(Action change, CancellationToken cancellation)
    {
        _change = change;
        _watch = cancellation.UnsafeRegister(static (work, token) => ((WeightChange)work!).Cancel(token), this);
    }

    /// <summary>The version of the new weights.</summary>
    public Task<long> Completion => _completion.Task;

    /// <summary>Whether the change was cancelled.</summary>
    public bool IsOver => _completion.Task.IsCompleted;

    /// <summary>Why the writing of the weights failed; null if it did not. Some of them may be written.</summary>
    public Exception? Fault { get; private set; }

    /// <summary>Writes the weights, unless the change was cancelled. <see cref="Complete"/> must follow.</summary>
    /// <returns>Whether the weights may have changed.</returns>
    public bool TryRun()
    {
        if (Interlocked.Exchange(ref _begun, 1) != 0)
        {
            return false;
        }

        _watch.Unregister();
        try
        {
            _change();
        }
        catch (Exception e)
        {
            Fault = e;
        }

        return true;
    }

    /// <summary>Completes the task of the change that ran.</summary>
    /// <param name="version">Version of the new weights.</param>
    public void Complete(long version)
    {
        if (Fault is null)
        {
            _completion.SetResult(version);
        }
        else
        {
            _completion.SetException(Fault);
        }
    }

    /// <summary>Refuses the change, unless it was cancelled.</summary>
    public void Fail(Exception cause)
    {
        _watch.Unregister();
        _completion.TrySetException(cause);
    }

    private void Cancel(CancellationToken token)
    {
        if (Interlocked.Exchange(ref _begun, 1) == 0)
        {
            _completion.TrySetCanceled(token);
        }
    }
}
