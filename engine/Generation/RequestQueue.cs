using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Generation;

/// <summary>Admission of consecutive samples of one prompt.</summary>
internal readonly record struct Admission(PromptWork Prompt, int FirstSample, int Count);

/// <summary>The bounded queue in front of an engine, fair between clients. Many threads add; only the engine's thread takes.</summary>
/// <remarks>Clients take turns, one prompt per turn, oldest first: a client with many prompts delays another by only one.</remarks>
/// <param name="capacity">Maximum sequences that may wait, over all clients.</param>
internal sealed class RequestQueue(int capacity)
{
    private readonly Lock _lock = new();
    private readonly ClientLines<PromptWork> _lines = new();
    private readonly ClientLines<PromptWork> _held = new();  // came after the change of the weights that waits
    private WeightChange? _change;
    private readonly ManualResetEventSlim _work = new();
    private int _sequences;
    private bool _closed;

    public int Sequences
    {
        get
        {
            lock (_lock)
            {
                return _sequences;
            }
        }
    }

    /// <summary>Adds a whole batch, or refuses it.</summary>
    /// <exception cref="RequestFault">The queue is closed.</exception>
    /// <exception cref="RequestFault">The batch exceeds the capacity.</exception>
    public void Enqueue(BatchWork batch)
    {
        int sequences = batch.Prompts.Sum(prompt => prompt.Request.Samples);
        lock (_lock)
        {
            if (_closed)
            {
                batch.StopWatching();
                throw EngineFaults.Closed();
            }

            if (_sequences + sequences > capacity)
            {
                DropOver();                                  // cancelled work must not keep new work out
            }

            if (_sequences + sequences > capacity)
            {
                batch.StopWatching();
                throw EngineFaults.QueueFull(_sequences, sequences, capacity);
            }

            var lines = _change is null ? _lines : _held;
            foreach (var prompt in batch.Prompts.Where(prompt => prompt.Waiting > 0))
            {
                lines.Add(batch.Client, prompt);
            }

            _sequences += sequences;
            _work.Set();
        }
    }

    /// <summary>Adds a change of the weights. Batches that are added after it wait for it.</summary>
    /// <param name="change">The change. It fails if the queue is closed or another change waits.</param>
    public void Enqueue(WeightChange change)
    {
        lock (_lock)
        {
            if (_closed)
            {
                change.Fail(EngineFaults.Closed());
            }
            else if (_change is { IsOver: false })
            {
                change.Fail(new InvalidOperationException("Another change of the weights waits already."));
            }
            else
            {
                EndChange();                                 // a cancelled one: what waited for it comes before the new one
                _change = change;
                _work.Set();
            }
        }
    }

    /// <summary>Takes the change of the weights once it is cancelled, or nothing that came before it waits or runs.</summary>
    /// <param name="isIdle">Whether no sequence runs.</param>
    public WeightChange? TakeChange(bool isIdle)
    {
        lock (_lock)
        {
            var change = _change;
            if (change is null || !(change.IsOver || (isIdle && _lines.IsEmpty)))
            {
                return null;
            }

            EndChange();
            return change;
        }
    }

    /// <summary>Takes the next prompts: clients in turn, oldest first. The rest of a split prompt stays first of its client.</summary>
    /// <remarks>
    /// Every sequence reserves its prompt and its maximum new tokens. The first that does not fit <paramref name="freeTokens"/> ends the
    /// take and keeps its turn, even if a shorter one behind it would fit: otherwise short requests, of the same client or of others, could
    /// delay a long one for ever. The price is cache that stays unused until enough is free. An idle engine must have room for any single
    /// sequence that it accepts.
    /// </remarks>
    /// <param name="slots">Free slots.</param>
    /// <param name="maxPromptTokens">Maximum of prompts × longest prompt; the first prompt always fits.</param>
    /// <param name="freeTokens">Cache tokens that are neither used nor reserved; unlimited by default.</param>
    public List<Admission> Take(int slots, int maxPromptTokens, long freeTokens = long.MaxValue)
    {
        List<Admission> taken = [];
        int longest = 0;
        lock (_lock)
        {
            while (slots > 0 && _lines.TryPeek(out var prompt))
            {
                longest = Math.Max(longest, prompt.Request.PromptIds.Length);
                if (taken.Count > 0 && (taken.Count + 1L) * longest > maxPromptTokens)
                {
                    break;
                }

                int wanted = Math.Min(slots, prompt.Waiting);
                int count = (int)Math.Clamp(freeTokens / prompt.ReservedTokens, 0, wanted);
                if (count > 0)
                {
                    taken.Add(new Admission(prompt, prompt.Started, count));
                    prompt.Started += count;
                    slots -= count;
                    freeTokens -= count * prompt.ReservedTokens;
                    _sequences -= count;
                    _lines.Pass(done: prompt.Waiting == 0);
                }

                if (count < wanted)
                {
                    break;
                }
            }

            ResetWhenIdle();
        }

        return taken;
    }

    /// <summary>Removes prompts whose batch was cancelled or failed.</summary>
    public void RemoveOver()
    {
        lock (_lock)
        {
            DropOver();
            ResetWhenIdle();
        }
    }

    /// <summary>Refuses new work from now on.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _work.Set();
        }
    }

    /// <summary>Removes and fails everything that waits.</summary>
    public void FailAll(Exception cause)
    {
        PromptWork[] all;
        lock (_lock)
        {
            all = [.. _lines.All, .. _held.All];
            _lines.Clear();
            _held.Clear();
            _sequences = 0;
        }

        foreach (var prompt in all)
        {
            prompt.Batch.Fail(cause);
        }
    }

    /// <summary>Blocks until there is work.</summary>
    /// <returns>False if the queue is closed and empty, or <paramref name="stopping"/> fired.</returns>
    public bool WaitForWork(CancellationToken stopping)
    {
        try
        {
            _work.Wait(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        lock (_lock)
        {
            return !_closed || !_lines.IsEmpty;
        }
    }

    private void EndChange()
    {
        _change = null;
        foreach (var prompt in _held.All)
        {
            _lines.Add(prompt.Batch.Client, prompt);
        }

        _held.Clear();
    }

    private void DropOver() => _sequences -= RemoveOver(_lines) + RemoveOver(_held);

    private static int RemoveOver(ClientLines<PromptWork> lines) =>
        lines.RemoveOver(static prompt => prompt.Batch.IsOver, static prompt => prompt.Waiting);

    private void ResetWhenIdle()
    {
        if (_lines.IsEmpty && !_closed && _change is null)
        {
            _work.Reset();
        }
    }
}
