using Rudder.Engine.Sampling;

namespace Rudder.Engine.Generation;

/// <summary>The sequences being decoded, one per slot, always compact: rows 0 to Count - 1.</summary>
/// <param name="capacity">Slots.</param>
internal sealed class SlotTable(int capacity)
{
    private readonly List<Slot> _live = new(capacity);

    /// <summary>Slots in all.</summary>
    public int Capacity => capacity;

    /// <summary>Live slots.</summary>
    public int Count => _live.Count;

    /// <summary>Slots without a sequence.</summary>
    public int Free => capacity - _live.Count;

    /// <summary>The sequence in a row.</summary>
    public Slot this[int row] => _live[row];

    /// <summary>Puts a sequence into the next row and returns the row.</summary>
    public int Add(Slot slot)
    {
        ArgumentOutOfRangeException.ThrowIfZero(Free);
        _live.Add(slot);
        return _live.Count - 1;
    }

    /// <summary>Frees the slots of sequences that are finished, cancelled or failed; the last rows move into the gaps. One that cannot be moved fails.</summary>
    /// <param name="copyRow">Copies a row's cache: from, to, tokens.</param>
    /// <param name="retired">Told of each sequence that had a slot.</param>
    public void RetireFinished(Action<int, int, int> copyRow, Action<Slot>? retired = null)
    {
        for (int row = 0; row < _live.Count;)
        {
            if (!_live[row].IsOver)
            {
                row++;
                continue;
            }

            retired?.Invoke(_live[row]);
            int last = _live.Count - 1;
            while (last > row && _live[last].IsOver)
            {
                retired?.Invoke(_live[last]);
                _live.RemoveAt(last--);
            }

            if (last != row)
            {
                Move(last, row, copyRow);
            }

            _live.RemoveAt(last);                            // what moved into the row is looked at next: it may be over, too
        }
    }

    /// <summary>Fails every live sequence and frees its slot.</summary>
    /// <param name="cause">Why.</param>
    /// <param name="retired">Told of each.</param>
    public void FailAll(Exception cause, Action<Slot>? retired = null)
    {
        foreach (var slot in _live)
        {
            slot.Prompt.Batch.Fail(cause);
            retired?.Invoke(slot);
        }

        _live.Clear();
    }

    private void Move(int from, int to, Action<int, int, int> copyRow)
    {
        var slot = _live[to] = _live[from];
        try
        {
            copyRow(from, to, slot.CachedTokens);
        }
        catch (Exception e)
        {
            slot.Prompt.Batch.Fail(EngineFaults.Failed("moving a sequence to a free slot", e));
        }
    }
}

/// <summary>One sequence being decoded.</summary>
/// <param name="prompt">Its prompt.</param>
/// <param name="sampleIndex">Which of the prompt's completions.</param>
internal sealed class Slot(PromptWork prompt, int sampleIndex)
{
    private readonly List<int> _ids = new(prompt.Request.MaxNewTokens);
    private readonly List<float> _logProbs = new(prompt.Request.MaxNewTokens);
    private readonly List<RankedToken[]>? _top = prompt.Request.TopLogProbs > 0 ? new(prompt.Request.MaxNewTokens) : null;

    /// <summary>Its prompt.</summary>
    public PromptWork Prompt { get; } = prompt;

    /// <summary>Which of the prompt's completions.</summary>
    public int SampleIndex { get; } = sampleIndex;

    /// <summary>Tokens in the row's cache; the next token fed gets this position.</summary>
    public int CachedTokens { get; set; } = prompt.Request.PromptIds.Length;

    /// <summary>Tokens drawn so far; the place of the next one in the completion.</summary>
    public int Drawn => _ids.Count;

    /// <summary>The token to feed next.</summary>
    public int LastId => _ids[^1];

    /// <summary>Why the sequence ended; null while it has not, or was given up.</summary>
    public GenerationEnd? End { get; private set; }

    /// <summary>Whether the slot can be freed.</summary>
    public bool IsOver => End is not null || Prompt.Batch.IsOver;

    /// <summary>Takes a drawn token, publishes it, and ends the sequence where the rules say so.</summary>
    /// <param name="id">The token.</param>
    /// <param name="logProb">Its raw log-prob, nats.</param>
    /// <param name="top">The most probable tokens at its place; null where none were asked for.</param>
    public void Append(int id, float logProb, RankedToken[]? top = null)
    {
        var request = Prompt.Request;
        _ids.Add(id);
        _logProbs.Add(logProb);
        _top?.Add(top ?? []);
        request.OnToken?.Invoke(new DrawnToken(SampleIndex, id, logProb, top));
        bool stopped = request.Stop.Ends(_ids);
        if (stopped || _ids.Count == request.MaxNewTokens)
        {
            End = stopped ? GenerationEnd.Stop : GenerationEnd.Length;
            Prompt.Batch.Finish(Prompt, new GeneratedSequence(SampleIndex, [.. _ids], [.. _logProbs], End.Value, request.Seed) { Top = _top });
        }
    }
}
