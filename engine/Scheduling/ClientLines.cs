using System.Diagnostics.CodeAnalysis;

namespace Rudder.Engine.Scheduling;

/// <summary>Per-client FIFO queues, served round-robin. Not thread-safe: the caller holds the lock.</summary>
/// <remarks>A client without work is forgotten. When it returns, it goes to the end of the rotation.</remarks>
/// <typeparam name="T">Type of a queued item.</typeparam>
internal sealed class ClientLines<T>
{
    private readonly Dictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private readonly LinkedList<Line> _turns = [];           // clients with work, the next one first

    public bool IsEmpty => _turns.Count == 0;

    /// <summary>All queued items, client by client.</summary>
    public IEnumerable<T> All => _turns.SelectMany(line => line.Items);

    /// <summary>Adds an item to its client's queue.</summary>
    /// <param name="client">The client.</param>
    /// <param name="item">The item.</param>
    /// <param name="goesOn">Whether the item already started; it then goes ahead of newer items of its client.</param>
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

    /// <summary>Gets the oldest item of the next client without removing it.</summary>
    /// <returns>Whether there is an item.</returns>
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

    /// <summary>Ends the turn of the first client.</summary>
    /// <param name="done">Whether its first item needs no further turn and leaves; otherwise it stays first of its client's queue.</param>
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

    /// <summary>Moves a client that was served out of turn to the end of the rotation, if it has work.</summary>
    public void PutLast(string client)
    {
        if (_lines.TryGetValue(client, out var line))
        {
            _turns.Remove(line);
            _turns.AddLast(line);
        }
    }

    /// <summary>Whether another client has queued items.</summary>
    public bool HasOtherThan(string client) => _turns.Count > 1 || (_turns.First is { } turn && turn.Value.Client != client);

    /// <summary>Removes finished items; the others keep their order. Allocates nothing if the delegates capture nothing.</summary>
    /// <returns>Total weight of the removed items.</returns>
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

    /// <summary>One client's items, oldest first; never empty while the client is in the rotation.</summary>
    private sealed class Line(string client)
    {
        public string Client { get; } = client;

        public LinkedList<T> Items { get; } = [];
    }
}
