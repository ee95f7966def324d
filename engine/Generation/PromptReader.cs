using System.Diagnostics;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine.Generation;

/// <summary>One token to be drawn: for which sequence, and from which row's logits.</summary>
/// <param name="Slot">The sequence.</param>
/// <param name="LogitsRow">The row.</param>
internal readonly record struct PendingDraw(Slot Slot, int LogitsRow);

/// <summary>
/// Brings admitted prompts into the cache: new ones together in one batch, those that begin like a known one on top of a copy of
/// its rows, and one that is longer than a prefill may be chunk by chunk, with decoding steps between.
/// </summary>
/// <remarks>Belongs to the engine's thread. A prompt is read once, however many samples, or requests that may share it, ask for it together.</remarks>
/// <param name="decoder">The decoder.</param>
/// <param name="slots">Where sequences go when their prompt is read.</param>
/// <param name="chunkTokens">Tokens of one chunk.</param>
/// <param name="sharing">Whose prompts may share what is read.</param>
/// <param name="observer">Told of prefills and admissions.</param>
internal sealed class PromptReader(IDecoder decoder, SlotTable slots, int chunkTokens, PrefixSharing sharing, IEngineObserver observer)
{
    private readonly PrefixTable _prefixes = new(slots.Capacity, sharing);
    private readonly SharedPrompts _shared = new(sharing);
    private Admission _long;                                 // default: none
    private int _longRead;

    /// <summary>Whether a long prompt is under way.</summary>
    public bool IsReading => _long.Prompt is not null;

    /// <summary>Slots of a long prompt under way: its completions have left the queue and are not decoded yet.</summary>
    public int HeldSlots => _long.Count;

    /// <summary>Tokens that a long prompt under way has in the cache.</summary>
    public int ReadTokens => IsReading ? _longRead : 0;

    /// <summary>Slots that can be given away.</summary>
    public int FreeSlots => slots.Free - HeldSlots;

    // While it is read, a long prompt lies in the last row, which stays free as long as FreeSlots is heeded.
    private int LongRow => slots.Capacity - 1;

    /// <summary>Reads admitted prompts, or begins to.</summary>
    /// <param name="admissions">As the queue gave them.</param>
    /// <param name="draws">Gets the first draw of each sequence that has its slot now.</param>
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

    /// <summary>Reads the next chunk of the long prompt under way.</summary>
    /// <param name="draws">Gets its first draws when that was the last one.</param>
    public void Continue(List<PendingDraw> draws)
    {
        var admission = _long;
        int[] prompt = admission.Prompt.Request.PromptIds;
        int left = prompt.Length - _longRead;
        int count = Math.Min(Math.Max(chunkTokens, PrefixTable.RecomputedTokens), left);
        if (left - count == 1)
        {
            // No chunk of a single token, neither this one nor the last: it would go another way through the products.
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

    /// <summary>Copies a row's cache when slots are compacted; throws what the decoder throws.</summary>
    public void CopyRow(int from, int to, int tokens)
    {
        _prefixes.Forget(to, 1);                             // of a copy that fails part may be there
        decoder.CopyRow(from, to, tokens);
        _prefixes.Copy(from, to);
    }

    /// <summary>Fails what is under way.</summary>
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

        observer.Prefilled(prompts.Length, prompts.Length * prompts.Max(prompt => prompt.Length), Stopwatch.GetElapsedTime(start));
        // Every prompt's first sequence keeps the row it was read into; only then do copies fill the rows behind.
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

    /// <summary>Gives a prompt that was read into a row by itself its slots.</summary>
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
                return;                                      // the whole batch has failed
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
        observer.Admitted(Stopwatch.GetElapsedTime(admission.Prompt.EnqueuedAt), admission.Prompt.Request.PromptIds.Length);
        slots.Add(slot);
    }

    // A device may fail under a copy, too.
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

        observer.Prefilled(1, ids.Length, Stopwatch.GetElapsedTime(start));
        return true;
    }

    /// <summary>Takes prompts of the same ids for one where they may share what is read.</summary>
    /// <param name="sharing">Whose may.</param>
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
