using System.Collections.Concurrent;

namespace Rudder.InferenceService.Soak.Load;

/// <summary>What became of every request: counts by kind and status, exact latencies, and everything that must not have happened.</summary>
internal sealed class Outcomes
{
    private const int FaultsKept = 20;
    private readonly Lock _lock = new();
    private readonly SortedDictionary<ClientKind, SortedDictionary<string, int>> _counts = new();
    private readonly Dictionary<ClientKind, List<double>> _latencies = new();
    private readonly List<double> _firstTokens = [];
    private readonly ConcurrentQueue<string> _faults = new();
    private int _faultCount;

    /// <summary>Wrong answers and unexpected statuses; the first of them, in words.</summary>
    public IEnumerable<string> Faults => _faults;

    /// <summary>How many there were.</summary>
    public int FaultCount => Volatile.Read(ref _faultCount);

    /// <summary>Kinds that have ended at least once.</summary>
    public IReadOnlyList<ClientKind> Kinds
    {
        get
        {
            lock (_lock)
            {
                return [.. _counts.Keys];
            }
        }
    }

    /// <summary>A request is over.</summary>
    /// <param name="kind">The client's kind.</param>
    /// <param name="status">Its status' name.</param>
    /// <param name="latency">From its start; counts where the status is OK.</param>
    public void Ended(ClientKind kind, string status, TimeSpan latency)
    {
        lock (_lock)
        {
            if (!_counts.TryGetValue(kind, out var counts))
            {
                _counts[kind] = counts = new SortedDictionary<string, int>(StringComparer.Ordinal);
                _latencies[kind] = [];
            }

            counts[status] = counts.GetValueOrDefault(status) + 1;
            if (status == LoadClient.Good)
            {
                _latencies[kind].Add(latency.TotalMilliseconds);
            }
        }
    }

    /// <summary>A stream's first token has come.</summary>
    public void FirstToken(TimeSpan latency)
    {
        lock (_lock)
        {
            _firstTokens.Add(latency.TotalMilliseconds);
        }
    }

    /// <summary>Something happened that must not.</summary>
    public void Fault(string what)
    {
        if (Interlocked.Increment(ref _faultCount) <= FaultsKept)
        {
            _faults.Enqueue(what);
        }
    }

    /// <summary>Counts of a kind by status; a snapshot.</summary>
    public IReadOnlyDictionary<string, int> Counts(ClientKind kind)
    {
        lock (_lock)
        {
            return _counts.TryGetValue(kind, out var counts)
                ? new SortedDictionary<string, int>(counts, StringComparer.Ordinal)
                : new SortedDictionary<string, int>();
        }
    }

    /// <summary>Requests with a status, over all kinds.</summary>
    public int Count(string status)
    {
        lock (_lock)
        {
            return _counts.Values.Sum(counts => counts.GetValueOrDefault(status));
        }
    }

    /// <summary>Requests that are over.</summary>
    public int Total
    {
        get
        {
            lock (_lock)
            {
                return _counts.Values.Sum(counts => counts.Values.Sum());
            }
        }
    }

    /// <summary>Milliseconds of a kind's good requests; a snapshot.</summary>
    public double[] Latencies(ClientKind kind)
    {
        lock (_lock)
        {
            return _latencies.TryGetValue(kind, out var values) ? [.. values] : [];
        }
    }

    /// <summary>Milliseconds to the first token of streams; a snapshot.</summary>
    public double[] FirstTokens()
    {
        lock (_lock)
        {
            return [.. _firstTokens];
        }
    }
}
