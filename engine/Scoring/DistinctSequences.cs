using System.Runtime.InteropServices;

namespace Rudder.Engine.Scoring;

/// <summary>Merges equal id sequences, so that each runs once.</summary>
internal sealed class DistinctSequences
{
    private readonly List<int[]> _items = [];
    private readonly int[] _places;

    /// <summary>Finds equal sequences by a hash of their ids and confirms each match id by id.</summary>
    /// <param name="sequences">The sequences; they must not change while this object is in use.</param>
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

    /// <summary>The distinct sequences, in order of first occurrence.</summary>
    public IReadOnlyList<int[]> Items => _items;

    /// <summary>Expands one result per distinct sequence to one result per original sequence.</summary>
    /// <typeparam name="T">Type of a result.</typeparam>
    /// <param name="results">Results in the order of <see cref="Items"/>.</param>
    public T[] Spread<T>(T[] results) => Array.ConvertAll(_places, place => results[place]);

    private sealed class ById : IEqualityComparer<int[]>
    {
        public static readonly ById Instance = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y.AsSpan());

        // HashCode has a random seed per process, so a client cannot construct sequences that collide.
        public int GetHashCode(int[] ids)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(ids.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
