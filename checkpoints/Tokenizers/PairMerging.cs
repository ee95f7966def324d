using System.Runtime.InteropServices;

namespace Rudder.Checkpoints;

/// <summary>
/// The core of BPE training: words as symbols, a count for each adjacent pair, and a heap of pairs. Merging a pair
/// updates only the words that contain it. A heap entry with an outdated count goes back with the current count.
/// </summary>
internal sealed class PairMerging
{
    private readonly List<(int[] Symbols, long Count)> _words = [];
    private readonly Dictionary<(int Left, int Right), long> _counts = [];
    private readonly Dictionary<(int Left, int Right), List<int>> _places = [];
    private readonly PriorityQueue<(int Left, int Right), (long NegativeCount, int Left, int Right)> _heap = new();
    private readonly HashSet<(int Left, int Right)> _touched = [];

    public PairMerging(IEnumerable<(int[] Symbols, long Count)> wordsAndCounts)
    {
        foreach (var word in wordsAndCounts)
        {
            _words.Add(word);
            AddPairs(_words.Count - 1, word.Symbols, word.Count, record: true);
        }

        foreach (var (pair, count) in _counts)
        {
            _heap.Enqueue(pair, (-count, pair.Left, pair.Right));
        }

        _touched.Clear();
    }

    /// <summary>
    /// Takes the most frequent pair (on ties, the one with the smaller ids) and merges it into one symbol everywhere.
    /// Null when no pair occurs at least <paramref name="leastCount"/> times.
    /// </summary>
    /// <param name="symbolOf">The symbol of a pair: an existing one with the same spelling, or a new one.</param>
    /// <param name="leastCount">How often a pair must occur.</param>
    public (int Left, int Right)? MergeNext(Func<int, int, int> symbolOf, long leastCount)
    {
        while (_heap.TryDequeue(out var pair, out var priority))
        {
            long count = _counts.GetValueOrDefault(pair);
            if (count != -priority.NegativeCount)
            {
                if (count > 0)
                {
                    _heap.Enqueue(pair, (-count, pair.Left, pair.Right));
                }

                continue;
            }

            if (count < leastCount)
            {
                return null;
            }

            Merge(pair, symbolOf(pair.Left, pair.Right));
            return pair;
        }

        return null;
    }

    private void Merge((int Left, int Right) pair, int newSymbol)
    {
        _touched.Clear();
        foreach (int index in _places[pair])
        {
            var (symbols, count) = _words[index];
            int[]? merged = Merged(symbols, pair, newSymbol);
            if (merged is null)
            {
                continue; // listed twice, or an earlier merge removed the pair from this word
            }

            AddPairs(index, symbols, -count, record: false);
            AddPairs(index, merged, count, record: true, onlyWith: newSymbol);
            _words[index] = (merged, count);
        }

        _places.Remove(pair);
        _counts.Remove(pair);
        foreach (var changed in _touched)
        {
            if (changed != pair && (changed.Left == newSymbol || changed.Right == newSymbol) && _counts[changed] > 0)
            {
                _heap.Enqueue(changed, (-_counts[changed], changed.Left, changed.Right));
            }
        }
    }

    /// <summary>Adds a word's pairs to the counts and records their word: all pairs, or only those of one new symbol.</summary>
    private void AddPairs(int index, int[] symbols, long count, bool record, int onlyWith = -1)
    {
        for (int i = 0; i + 1 < symbols.Length; i++)
        {
            var pair = (symbols[i], symbols[i + 1]);
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += count;
            if (!record || (onlyWith >= 0 && pair.Item1 != onlyWith && pair.Item2 != onlyWith))
            {
                continue;
            }

            _touched.Add(pair);
            ref var list = ref CollectionsMarshal.GetValueRefOrAddDefault(_places, pair, out _);
            list ??= [];
            if (list.Count == 0 || list[^1] != index)
            {
                list.Add(index);
            }
        }
    }

    private static int[]? Merged(int[] symbols, (int Left, int Right) pair, int newSymbol)
    {
        Span<int> merged = symbols.Length <= 512 ? stackalloc int[symbols.Length] : new int[symbols.Length];
        int length = 0;
        for (int i = 0; i < symbols.Length; i++)
        {
            bool here = i + 1 < symbols.Length && symbols[i] == pair.Left && symbols[i + 1] == pair.Right;
            merged[length++] = here ? newSymbol : symbols[i];
            i += here ? 1 : 0;
        }

        return length == symbols.Length ? null : merged[..length].ToArray();
    }
}
