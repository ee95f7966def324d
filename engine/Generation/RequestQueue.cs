using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Generation;

/// <summary>Completions that run next: part of one prompt's samples.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="FirstSample">First sample index.</param>
/// <param name="Count">Consecutive samples.</param>
internal readonly record struct Admission(PromptWork Prompt, int FirstSample, int Count);

/// <summary>The bounded queue in front of an engine, fair between clients. Many callers put in; the engine's one thread takes out.</summary>
/// <remarks>
/// Clients take turns, one prompt a turn; a client's own prompts go oldest first. So a client with a thousand prompts delays
/// another's by the prompt whose turn it is, not by all of them.
/// </remarks>
/// <param name="capacity">Sequences that may wait, of all clients together.</param>
internal sealed class RequestQueue(int capacity)
{
    private readonly Lock _lock = new();
    private readonly ClientLines<PromptWork> _lines = new();
    private readonly ManualResetEventSlim _work = new();
    private int _sequences;
    private bool _closed;

    /// <summary>Sequences that wait.</summary>
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

    /// <summary>Puts a batch in, whole or not at all.</summary>
    /// <exception cref="RequestFault">The queue is closed.</exception>
    /// <exception cref="RequestFault">It would hold more than its capacity.</exception>
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
                DropOver();                                  // what was given up must not keep others out
            }

            if (_sequences + sequences > capacity)
            {
                batch.StopWatching();
                throw EngineFaults.QueueFull(_sequences, sequences, capacity);
            }

            foreach (var prompt in batch.Prompts.Where(prompt => prompt.Waiting > 0))
            {
                _lines.Add(batch.Client, prompt);
            }

            _sequences += sequences;
            _work.Set();
        }
    }

    /// <summary>Takes what runs next: clients in turn, each one's oldest prompt. Of a prompt that is split, the rest stays first of its client's.</summary>
    /// <remarks>
    /// Every sequence reserves its prompt and all tokens it may draw. The first that does not fit <paramref name="freeTokens"/> ends
    /// the take and keeps its turn, though a shorter one behind it might fit: otherwise short requests, of its own client or of others,
    /// could hold up a long one for ever. The price is room left unused until enough is free. An idle engine must have room for any
    /// single sequence it accepts.
    /// </remarks>
    /// <param name="slots">Free slots.</param>
    /// <param name="maxPromptTokens">Bound on number of prompts × longest prompt; the first prompt always fits.</param>
    /// <param name="freeTokens">Tokens of cache that are neither held nor reserved; by default no limit.</param>
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

    /// <summary>Forgets prompts whose batch was cancelled or failed.</summary>
    public void RemoveOver()
    {
        lock (_lock)
        {
            DropOver();
            ResetWhenIdle();
        }
    }

    /// <summary>Takes nothing new from now on.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _work.Set();
        }
    }

    /// <summary>Everything that waits, taken out.</summary>
    public IReadOnlyList<PromptWork> Clear()
    {
        lock (_lock)
        {
            PromptWork[] all = [.. _lines.All];
            _lines.Clear();
            _sequences = 0;
            return all;
        }
    }

    /// <summary>Blocks until there is work.</summary>
    /// <returns>False when the queue is closed and empty, or <paramref name="stopping"/> fired.</returns>
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

    private void DropOver() => _sequences -= _lines.RemoveOver(static prompt => prompt.Batch.IsOver, static prompt => prompt.Waiting);

    private void ResetWhenIdle()
    {
        if (_lines.IsEmpty && !_closed)
        {
            _work.Reset();
        }
    }
}
