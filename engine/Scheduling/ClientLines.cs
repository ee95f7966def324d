using System.Diagnostics.CodeAnalysis;

namespace Rudder.Engine.Scheduling;

/// <summary>What waits, in one line per client: clients take turns, and what a client put in goes oldest first. Its owner's lock guards it.</summary>
/// <remarks>A client without work has no turn and is not remembered; when it comes again it has the last turn.</remarks>
/// <typeparam name="T">What waits.</typeparam>
internal sealed class ClientLines<T>
{
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private readonly LinkedList<Line> _turns = [];           // every client with work, the next one first

    /// <summary>Whether nothing waits.</summary>
    public bool IsEmpty => _turns.Count == 0;

    /// <summary>All that waits, client by client.</summary>
    public IEnumerable<T> All => _turns.SelectMany(line => line.Items);

    /// <summary>Puts something into its client's line.</summary>
    /// <param name="client">Whose it is.</param>
    /// <param name="item">What waits.</param>
    /// <param name="goesOn">Whether it was begun already: then it stands before what its client put in later.</param>
    public void Add(string client, T item, bool goesOn = false)
    {
        if (!_lines.TryGetValue(client, out var line))
        {
            _lines.Add(client, line = new Line(client));
            _turns.AddLast(line);
        }

        if (goesOn)
        {
            line.Items.AddFirst(item);
        }
        else
        {
            line.Items.AddLast(item);
        }
    }

    /// <summary>The oldest of the client whose turn it is.</summary>
    /// <returns>Whether anything waits.</returns>
    public bool TryPeek([MaybeNullWhen(false)] out T item)
    {
        if (_turns.First is not { } turn)
        {
            item = default;
            return false;
        }

        item = turn.Value.Items.First!.Value;
        return true;
    }

    /// <summary>The first client has had its turn.</summary>
    /// <param name="done">Whether what it had first needs no further turn; else that stays first of its client's.</param>
    public void Pass(bool done)
    {
        var turn = _turns.First!;
        var line = turn.Value;
        _turns.RemoveFirst();
        if (done)
        {
            line.Items.RemoveFirst();
        }

        if (line.Items.Count > 0)
        {
            _turns.AddLast(turn);
        }
        else
        {
            _lines.Remove(line.Client);
        }
    }

    /// <summary>A client that was served otherwise has the last turn, if it waits.</summary>
    /// <param name="client">The client.</param>
    public void PutLast(string client)
    {
        if (_lines.TryGetValue(client, out var line))
        {
            _turns.Remove(line);
            _turns.AddLast(line);
        }
    }

    /// <summary>Whether a client other than this one waits.</summary>
    public bool HasOtherThan(string client) => _turns.Count > 1 || (_turns.First is { } turn && turn.Value.Client != client);

    /// <summary>Takes out what is over; the rest keeps its turns. With delegates that capture nothing it allocates nothing.</summary>
    /// <param name="isOver">Which go.</param>
    /// <param name="weight">What each counts.</param>
    /// <returns>The sum of the weights of those that went.</returns>
    public int RemoveOver(Func<T, bool> isOver, Func<T, int> weight)
    {
        int removed = 0;
        for (var turn = _turns.First; turn is not null;)
        {
            var nextTurn = turn.Next;
            removed += RemoveOver(turn.Value.Items, isOver, weight);
            if (turn.Value.Items.Count == 0)
            {
                _lines.Remove(turn.Value.Client);
                _turns.Remove(turn);
            }

            turn = nextTurn;
        }

        return removed;
    }

    /// <summary>Takes everything out.</summary>
    public void Clear()
    {
        _turns.Clear();
        _lines.Clear();
    }

    private static int RemoveOver(LinkedList<T> items, Func<T, bool> isOver, Func<T, int> weight)
    {
        int removed = 0;
        for (var node = items.First; node is not null;)
        {
            var next = node.Next;
            if (isOver(node.Value))
            {
                removed += weight(node.Value);
                items.Remove(node);
            }

            node = next;
        }

        return removed;
    }

    /// <summary>One client's, oldest first; never empty while it has a turn.</summary>
    /// <param name="client">Whose they are.</param>
    private sealed class Line(string client)
    {
        public string Client { get; } = client;

        public LinkedList<T> Items { get; } = [];
    }
}
