using System.Runtime.InteropServices;

namespace Rudder.Engine.Scoring;

/// <summary>Equal id sequences taken together, so that each is run once.</summary>
internal sealed class DistinctSequences
{
    private readonly List<int[]> _items = [];
    private readonly int[] _places;

    /// <summary>Finds the equal ones: by a hash of their ids, confirmed id by id.</summary>
    /// <param name="sequences">Sequences, which must not change while this is used.</param>
    public DistinctSequences(IReadOnlyList<int[]> sequences)
    {
        var known = new Dictionary<int[], int>(sequences.Count, ById.Instance);
        _places = new int[sequences.Count];
        for (int i = 0; i < _places.Length; i++)
        {
            if (!known.TryGetValue(sequences[i], out int place))
            {
                place = _items.Count;
                known.Add(sequences[i], place);
                _items.Add(sequences[i]);
            }

            _places[i] = place;
        }
    }

    /// <summary>Each sequence once, in the order of its first occurrence.</summary>
    public IReadOnlyList<int[]> Items => _items;

    /// <summary>One result per sequence given, from one result per item; repeats share theirs.</summary>
    /// <typeparam name="T">A result.</typeparam>
    /// <param name="results">In the order of <see cref="Items"/>.</param>
    public T[] Spread<T>(T[] results) => Array.ConvertAll(_places, place => results[place]);

    private sealed class ById : IEqualityComparer<int[]>
    {
        public static readonly ById Instance = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y.AsSpan());

        // Seeded anew in every process: nobody can send sequences that all fall together.
        public int GetHashCode(int[] ids)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(ids.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
