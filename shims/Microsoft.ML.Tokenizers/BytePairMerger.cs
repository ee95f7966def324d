namespace Microsoft.ML.Tokenizers;

/// <summary>Applies merges to the symbols of one word, lowest rank first, leftmost first among equals.</summary>
internal sealed class BytePairMerger(Dictionary<long, (int Rank, int Id)> merges)
{
    // Up to this many symbols a plain scan beats a heap; beyond, the scan's square would let one long word stall the caller.
    private const int ScanLimit = 48;

    /// <summary>Merges in place; returns how many symbols are left.</summary>
    public int Merge(Span<int> symbols) => symbols.Length <= ScanLimit ? Scan(symbols) : Heap(symbols);

    private static long Key(int left, int right) => ((long)left << 32) | (uint)right;

    private int Scan(Span<int> symbols)
    {
        int count = symbols.Length;
        while (count > 1)
        {
            int best = int.MaxValue, at = -1, id = 0;
            for (int i = 0; i + 1 < count; i++)
            {
                if (merges.TryGetValue(Key(symbols[i], symbols[i + 1]), out var merge) && merge.Rank < best)
                {
                    (best, at, id) = (merge.Rank, i, merge.Id);
                }
            }

            if (at < 0)
            {
                break;
            }

            symbols[at] = id;
            symbols[(at + 2)..count].CopyTo(symbols[(at + 1)..]);
            count--;
        }

        return count;
    }

    private int Heap(Span<int> symbols)
    {
        int count = symbols.Length;
        var previous = new int[count];
        var next = new int[count];
        for (int i = 0; i < count; i++)
        {
            previous[i] = i - 1;
            next[i] = i + 1;
        }

        var queue = Adjacent(symbols);
        const int dead = -1;
        while (queue.TryDequeue(out var pair, out _))
        {
            int right = next[pair.At];
            if (symbols[pair.At] != pair.Left || right >= count || symbols[right] != pair.Right)
            {
                continue; // one of the two was merged away since
            }

            symbols[pair.At] = pair.Id;
            symbols[right] = dead;
            next[pair.At] = next[right];
            if (next[right] < count)
            {
                previous[next[right]] = pair.At;
                Push(queue, pair.At, pair.Id, symbols[next[right]]);
            }

            if (previous[pair.At] >= 0)
            {
                Push(queue, previous[pair.At], symbols[previous[pair.At]], pair.Id);
            }
        }

        return Compact(symbols, dead);
    }

    private PriorityQueue<(int At, int Left, int Right, int Id), (int Rank, int At)> Adjacent(ReadOnlySpan<int> symbols)
    {
        var queue = new PriorityQueue<(int At, int Left, int Right, int Id), (int Rank, int At)>(symbols.Length);
        for (int i = 0; i + 1 < symbols.Length; i++)
        {
            Push(queue, i, symbols[i], symbols[i + 1]);
        }

        return queue;
    }

    private void Push(PriorityQueue<(int, int, int, int), (int, int)> queue, int at, int left, int right)
    {
        if (merges.TryGetValue(Key(left, right), out var merge))
        {
            queue.Enqueue((at, left, right, merge.Id), (merge.Rank, at));
        }
    }

    private static int Compact(Span<int> symbols, int dead)
    {
        int kept = 0;
        foreach (int symbol in symbols)
        {
            if (symbol != dead)
            {
                symbols[kept++] = symbol;
            }
        }

        return kept;
    }
}
