namespace Rudder.Engine.Generation;

/// <summary>The sequences being decoded, one per slot, always compact: rows 0 to Count - 1.</summary>
internal sealed class SlotTable(int capacity)
{
    private readonly List<Slot> _live = new(capacity);

    public int Capacity => capacity;

    public int Count => _live.Count;

    public int Free => capacity - _live.Count;

    /// <summary>Tokens in the cache rows of live sequences.</summary>
    public long CachedTokens => Sum(static slot => slot.CachedTokens);

    /// <summary>Tokens that the cache rows of live sequences may grow to.</summary>
    public long ReservedTokens => Sum(static slot => slot.Prompt.ReservedTokens);

    public Slot this[int row] => _live[row];

    /// <summary>Adds a sequence in the next row and returns the row.</summary>
    public int Add(Slot slot)
    {
        ArgumentOutOfRangeException.ThrowIfZero(Free);
        _live.Add(slot);
        return _live.Count - 1;
    }

    /// <summary>Frees slots of sequences that are over and moves the last rows into the gaps. A sequence fails if its copy fails.</summary>
    /// <param name="copyRow">Copies a row's cache: from, to, tokens.</param>
    /// <param name="retired">Receives each retired sequence.</param>
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

            _live.RemoveAt(last);                            // the moved sequence is checked next: it may also be over
        }
    }

    /// <summary>Fails every live sequence and frees its slot.</summary>
    public void FailAll(Exception cause, Action<Slot>? retired = null)
    {
        foreach (var slot in _live)
        {
            slot.Prompt.Batch.Fail(cause);
            retired?.Invoke(slot);
        }

        _live.Clear();
    }

    // Called in every step, so it allocates nothing.
    private long Sum(Func<Slot, long> tokens)
    {
        long sum = 0;
        foreach (var slot in _live)
        {
            sum += tokens(slot);
        }

        return sum;
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
/// <param name="sampleIndex">Index of the completion among the prompt's completions.</param>
internal sealed class Slot(PromptWork prompt, int sampleIndex)
{
    private readonly List<int> _ids = new(prompt.Request.MaxNewTokens);
    private readonly List<float> _logProbs = new(prompt.Request.MaxNewTokens);
    private readonly List<RankedToken[]>? _top = prompt.Request.TopLogProbs > 0 ? new(prompt.Request.MaxNewTokens) : null;

    public PromptWork Prompt { get; } = prompt;

    /// <summary>Index of the completion among the prompt's completions.</summary>
    public int SampleIndex { get; } = sampleIndex;

    /// <summary>Tokens in the row's cache; this is the position of the next token.</summary>
    public int CachedTokens { get; set; } = prompt.Request.PromptIds.Length;

    /// <summary>Tokens drawn so far; this is the next token's position in the completion.</summary>
    public int Drawn => _ids.Count;

    public int LastId => _ids[^1];

    /// <summary>Why the sequence ended; null while it runs and after a cancellation.</summary>
    public GenerationEnd? End { get; private set; }

    public bool IsOver => End is not null || Prompt.Batch.IsOver;

    /// <summary>Adds a drawn token, publishes it, and ends the sequence at a stop or at the length limit.</summary>
    /// <param name="id">The token.</param>
    /// <param name="logProb">Its raw log-prob, nats.</param>
    /// <param name="top">The most probable tokens at this position; null unless the request asks for them.</param>
    /// <param name="ends">Whether the engine ends the sequence at this token, whatever its stop rule.</param>
    public void Append(int id, float logProb, RankedToken[]? top = null, bool ends = false)
    {
        var request = Prompt.Request;
        _ids.Add(id);
        _logProbs.Add(logProb);
        _top?.Add(top ?? []);
        request.OnToken?.Invoke(new DrawnToken(SampleIndex, id, logProb, top));
        bool stopped = ends || request.Stop.Ends(_ids);
        if (stopped || _ids.Count == request.MaxNewTokens)
        {
            Finish(stopped ? GenerationEnd.Stop : GenerationEnd.Length);
        }
    }

    /// <summary>Ends the sequence after the tokens drawn so far.</summary>
    /// <param name="end">Why it ends.</param>
    public void Finish(GenerationEnd end)
    {
        End = end;
        var sequence = new GeneratedSequence(SampleIndex, [.. _ids], [.. _logProbs], end, Prompt.Request.Seed)
        {
            Top = _top,
            WeightsVersion = Prompt.Batch.WeightsVersion,
        };
        Prompt.Batch.Finish(Prompt, sequence);
    }
}
