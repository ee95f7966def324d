using Rudder.InferenceService.Engines;

namespace Rudder.InferenceService.Scheduling;

/// <summary>Completions that run next: part of one prompt's samples.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="FirstSample">First sample index.</param>
/// <param name="Count">Consecutive samples.</param>
internal readonly record struct Admission(PromptWork Prompt, int FirstSample, int Count);

/// <summary>The bounded queue in front of an engine, oldest first. Many callers put in; the engine's one thread takes out.</summary>
/// <param name="capacity">Sequences that may wait.</param>
internal sealed class RequestQueue(int capacity)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<PromptWork> _waiting = [];
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
    /// <exception cref="EngineDrainingException">The queue is closed.</exception>
    /// <exception cref="QueueFullException">It would hold more than its capacity.</exception>
    public void Enqueue(BatchWork batch)
    {
        int sequences = batch.Prompts.Sum(prompt => prompt.Request.Samples);
        lock (_lock)
        {
            if (_closed)
            {
                throw EngineFaults.Closed();
            }

            if (_sequences + sequences > capacity)
            {
                throw EngineFaults.QueueFull(_sequences, sequences, capacity);
            }

            foreach (var prompt in batch.Prompts.Where(prompt => prompt.Waiting > 0))
            {
                _waiting.AddLast(prompt);
            }

            _sequences += sequences;
            _work.Set();
        }
    }

    /// <summary>Takes the oldest completions. A prompt may be split; its remaining samples stay first in line.</summary>
    /// <param name="slots">Free slots.</param>
    /// <param name="maxPromptTokens">Bound on number of prompts × longest prompt; the first prompt always fits.</param>
    public List<Admission> Take(int slots, int maxPromptTokens)
    {
        List<Admission> taken = [];
        int longest = 0;
        lock (_lock)
        {
            while (slots > 0 && _waiting.First is { Value: var prompt })
            {
                longest = Math.Max(longest, prompt.Request.PromptIds.Length);
                if (taken.Count > 0 && (taken.Count + 1L) * longest > maxPromptTokens)
                {
                    break;
                }

                int count = Math.Min(slots, prompt.Waiting);
                taken.Add(new Admission(prompt, prompt.Started, count));
                prompt.Started += count;
                slots -= count;
                _sequences -= count;
                if (prompt.Waiting == 0)
                {
                    _waiting.RemoveFirst();
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
            for (var node = _waiting.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Batch.IsOver)
                {
                    _sequences -= node.Value.Waiting;
                    _waiting.Remove(node);
                }

                node = next;
            }

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
            PromptWork[] all = [.. _waiting];
            _waiting.Clear();
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
            return !_closed || _waiting.Count > 0;
        }
    }

    private void ResetWhenIdle()
    {
        if (_waiting.Count == 0 && !_closed)
        {
            _work.Reset();
        }
    }
}
