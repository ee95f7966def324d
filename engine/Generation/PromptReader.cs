using System.Diagnostics;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine.Generation;

/// <summary>One token to draw: its sequence and the row of its logits.</summary>
internal readonly record struct PendingDraw(Slot Slot, int LogitsRow);

/// <summary>
/// Prefills admitted prompts into the cache. It batches new prompts together, starts a prompt with a cached prefix from a copy of that
/// row, and reads a prompt longer than one prefill in chunks, with decoding steps between them.
/// </summary>
/// <remarks>For the engine's thread only. It reads a prompt once for all samples and sharing requests that arrive together.</remarks>
/// <param name="decoder">The decoder.</param>
/// <param name="slots">Receives sequences when their prompt is read.</param>
/// <param name="chunkTokens">Tokens of one chunk.</param>
/// <param name="sharing">Which clients may reuse each other's prefills.</param>
/// <param name="recorder">Receives prefills and admissions; null for none.</param>
internal sealed class PromptReader(IDecoder decoder, SlotTable slots, int chunkTokens, PrefixSharing sharing, EngineRecorder? recorder)
{
    private readonly PrefixTable _prefixes = new(slots.Capacity, sharing);
    private readonly SharedPrompts _shared = new(sharing);
    private Admission _long;                                 // default: none
    private int _longRead;

    /// <summary>Whether a long prompt is being read.</summary>
    public bool IsReading => _long.Prompt is not null;

    /// <summary>Slots reserved for the long prompt that is being read; its completions have left the queue but do not decode yet.</summary>
    public int HeldSlots => _long.Count;

    /// <summary>Cache tokens of the long prompt that is being read.</summary>
    public int ReadTokens => IsReading ? _longRead : 0;

    /// <summary>Slots available for admission.</summary>
    public int FreeSlots => slots.Free - HeldSlots;

    // While a long prompt is read, it occupies the last row. FreeSlots leaves that row free.
    private int LongRow => slots.Capacity - 1;

    /// <summary>Reads admitted prompts, or starts to read a long one.</summary>
    /// <param name="admissions">Admissions from the queue.</param>
    /// <param name="draws">Receives the first draw of each sequence that now has its slot.</param>
    public void Read(List<Admission> admissions, List<PendingDraw> draws)
    {
        List<Admission> unknown = [];
        foreach (var admission in admissions)
        {
            int[] prompt = admission.Prompt.Request.PromptIds;
            var (row, tokens) = _prefixes.Longest(prompt, admission.Prompt.Batch.Client);
            if (prompt.Length - tokens > chunkTokens)
            {
                Begin(admission, row, tokens);
            }
            else if (tokens > 0)
            {
                ReadOnTop(admission, row, tokens, draws);
            }
            else
            {
                unknown.Add(admission);
            }
        }

        if (unknown.Count > 0)
        {
            ReadTogether(unknown, draws);
        }
    }

    /// <summary>Reads the next chunk of the long prompt.</summary>
    /// <param name="draws">Receives the prompt's first draws after its last chunk.</param>
    public void Continue(List<PendingDraw> draws)
    {
        var admission = _long;
        int[] prompt = admission.Prompt.Request.PromptIds;
        int left = prompt.Length - _longRead;
        int count = Math.Min(Math.Max(chunkTokens, PrefixTable.RecomputedTokens), left);
        if (left - count == 1)
        {
            // Never prefill a single token, neither now nor as the last chunk: ONNX Runtime takes another path for it, which rounds
            // differently.
            count += count > PrefixTable.RecomputedTokens ? -1 : 1;
        }

        if (admission.Prompt.Batch.IsOver || !Run(LongRow, prompt.AsSpan(_longRead, count), _longRead, admission))
        {
            _long = default;
            return;
        }

        _longRead += count;
        if (_longRead == prompt.Length)
        {
            _long = default;
            Know(LongRow, admission);
            Place(admission, LongRow, draws);
        }
    }

    /// <summary>Copies a row's cache when slots are compacted; throws the exceptions of the decoder.</summary>
    public void CopyRow(int from, int to, int tokens)
    {
        _prefixes.Forget(to, 1);                             // a failed copy may be partial
        decoder.CopyRow(from, to, tokens);
        _prefixes.Copy(from, to);
    }

    /// <summary>Forgets all cached prompts. Without its entry, a row of the cache is never read again before it is written.</summary>
    public void Forget() => _prefixes.Forget(0, slots.Capacity);

    /// <summary>Fails the long prompt that is being read.</summary>
    public void Fail(Exception cause)
    {
        _long.Prompt?.Batch.Fail(cause);
        _long = default;
    }

    private void Begin(Admission admission, int prefixRow, int prefixTokens)
    {
        _prefixes.Forget(LongRow, 1);
        if (prefixTokens == 0 || TryCopy(prefixRow, LongRow, prefixTokens, admission))
        {
            (_long, _longRead) = (admission, prefixTokens);
        }
    }

    private void ReadOnTop(Admission admission, int prefixRow, int prefixTokens, List<PendingDraw> draws)
    {
        int row = slots.Count;
        int[] prompt = admission.Prompt.Request.PromptIds;
        _prefixes.Forget(row, 1);
        if (TryCopy(prefixRow, row, prefixTokens, admission) && Run(row, prompt.AsSpan(prefixTokens), prefixTokens, admission))
        {
            Know(row, admission);
            Place(admission, row, draws);
        }
    }

    private void ReadTogether(List<Admission> admissions, List<PendingDraw> draws)
    {
        int firstRow = slots.Count;
        var groups = admissions.GroupBy(admission => admission.Prompt, _shared).Select(group => group.ToList()).ToList();
        int[][] prompts = [.. groups.Select(group => group[0].Prompt.Request.PromptIds)];
        _prefixes.Forget(firstRow, prompts.Length);
        long start = Stopwatch.GetTimestamp();
        try
        {
            decoder.Prefill(prompts, firstRow);
        }
        catch (Exception e)
        {
            admissions.ForEach(admission => admission.Prompt.Batch.Fail(EngineFaults.Failed("prefill", e)));
            return;
        }

        recorder?.Prefilled(prompts.Length, prompts.Length * prompts.Max(prompt => prompt.Length), Stopwatch.GetElapsedTime(start));
        // The first sequence of every prompt keeps the row of the prefill. Only then do copies fill the rows after it.
        for (int i = 0; i < groups.Count; i++)
        {
            Know(firstRow + i, groups[i][0]);
            Take(groups[i][0], 0, firstRow + i, draws);
        }

        for (int i = 0; i < groups.Count; i++)
        {
            CopySamples(groups[i][0], 1, firstRow + i, draws);
            foreach (var other in groups[i].Skip(1))
            {
                CopySamples(other, 0, firstRow + i, draws);
            }
        }
    }

    /// <summary>Gives slots to a prompt that was prefilled alone into a row.</summary>
    private void Place(Admission admission, int readRow, List<PendingDraw> draws)
    {
        bool inPlace = readRow == slots.Count;
        if (inPlace)
        {
            Take(admission, 0, readRow, draws);
        }

        CopySamples(admission, inPlace ? 1 : 0, readRow, draws);
    }

    private void CopySamples(Admission admission, int first, int readRow, List<PendingDraw> draws)
    {
        int[] prompt = admission.Prompt.Request.PromptIds;
        for (int sample = first; sample < admission.Count; sample++)
        {
            int row = slots.Count;
            _prefixes.Forget(row, 1);
            if (!TryCopy(readRow, row, prompt.Length, admission))
            {
                return;                                      // the whole batch failed
            }

            Know(row, admission);
            Take(admission, sample, readRow, draws);
        }
    }

    private void Know(int row, Admission admission) => _prefixes.Set(row, admission.Prompt.Request.PromptIds, admission.Prompt.Batch.Client);

    private void Take(Admission admission, int sample, int logitsRow, List<PendingDraw> draws)
    {
        var slot = new Slot(admission.Prompt, admission.FirstSample + sample);
        draws.Add(new PendingDraw(slot, logitsRow));
        recorder?.Admitted(Stopwatch.GetElapsedTime(admission.Prompt.EnqueuedAt), admission.Prompt.Request.PromptIds.Length);
        slots.Add(slot);
    }

    // A device can also fail during a copy.
    private bool TryCopy(int from, int to, int tokens, Admission admission)
    {
        try
        {
            if (from != to)
            {
                decoder.CopyRow(from, to, tokens);
            }

            return true;
        }
        catch (Exception e)
        {
            admission.Prompt.Batch.Fail(EngineFaults.Failed("prefill", e));
            return false;
        }
    }

    private bool Run(int row, ReadOnlySpan<int> ids, int length, Admission admission)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            if (length == 0)
            {
                decoder.Prefill([ids.ToArray()], row);
            }
            else
            {
                decoder.Extend(row, ids, length);
            }
        }
        catch (Exception e)
        {
            admission.Prompt.Batch.Fail(EngineFaults.Failed("prefill", e));
            return false;
        }

        recorder?.Prefilled(1, ids.Length, Stopwatch.GetElapsedTime(start));
        return true;
    }

    /// <summary>Groups prompts with equal ids if they may share a prefill.</summary>
    private sealed class SharedPrompts(PrefixSharing sharing) : IEqualityComparer<PromptWork>
    {
        public bool Equals(PromptWork? x, PromptWork? y) => ReferenceEquals(x, y)
            || (x is not null && y is not null && sharing.Allows(x.Batch.Client, y.Batch.Client)
                && x.Request.PromptIds.AsSpan().SequenceEqual(y.Request.PromptIds));

        public int GetHashCode(PromptWork prompt)
        {
            var hash = default(HashCode);
            foreach (int id in prompt.Request.PromptIds)
            {
                hash.Add(id);
            }

            return hash.ToHashCode();
        }
    }
}
