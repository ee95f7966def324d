using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Float32 weights of one loaded model, held once for all its sessions: matrices of <see cref="MultiplyRows"/> in panels and, if the
/// weights are replaceable, all others in memory that ONNX Runtime reads in place.
/// </summary>
/// <remarks>
/// A node names its owner by number, so that all models share one operator domain: ONNX Runtime's table of domains is not thread-safe. The
/// last session that is disposed frees the memory.
/// </remarks>
/// <param name="replaceable">Whether <see cref="Replace"/> will be called.</param>
internal sealed class PackedWeights(bool replaceable = false)
{
    private const int FloatsAtOnce = 1 << 18;                // one task of a parallel copy: 1 MiB
    private static readonly ConcurrentDictionary<long, PackedWeights> Owners = new();
    private static long _lastOwner;

    private readonly Lock _lock = new();
    private readonly Dictionary<(WeightPlace Place, bool Transposed), PanelMatrix> _matrices = [];
    private readonly Dictionary<WeightPlace, NativeBuffer<float>> _values = [];
    private int _sessions;

    /// <summary>Number of this owner in the attributes of nodes.</summary>
    public long Owner { get; } = Interlocked.Increment(ref _lastOwner);

    /// <summary>Whether <see cref="Replace"/> may be called.</summary>
    public bool AreReplaceable => replaceable;

    /// <summary>The weights that sessions use, each once.</summary>
    public IReadOnlyCollection<WeightPlace> Places
    {
        get
        {
            lock (_lock)
            {
                return [.. _matrices.Keys.Select(key => key.Place).Union(_values.Keys)];
            }
        }
    }

    /// <summary>Bytes of all weights held.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return sizeof(float) * (_matrices.Values.Sum(matrix => matrix.Length) + _values.Values.Sum(buffer => buffer.Length));
            }
        }
    }

    /// <summary>The weights of an owner with an open session.</summary>
    /// <param name="owner">Its number.</param>
    /// <exception cref="InvalidOperationException">No session of the owner is open.</exception>
    public static PackedWeights Of(long owner) => Owners.TryGetValue(owner, out var weights)
        ? weights
        : throw new InvalidOperationException($"a node names the weights of owner {owner}, who has no open session.");

    /// <summary>Opens a session that uses these weights.</summary>
    /// <param name="model">The graph. Its products name <see cref="Owner"/>.</param>
    /// <param name="options">The session's settings.</param>
    /// <param name="values">Initializers of the graph to hold in this program's memory.</param>
    public InferenceSession Open(byte[] model, SessionOptions options, IReadOnlyList<WeightPlace> values)
    {
        var given = new List<OrtValue>(values.Count);
        Enter();
        try
        {
            foreach (var place in values)
            {
                given.Add(Values(place).View(0, place.Shape));
                options.AddInitializer(place.Name, given[^1]);
            }

            return new Session(model, options, this, given);
        }
        catch
        {
            given.ForEach(value => value.Dispose());
            Leave();
            throw;
        }
    }

    /// <summary>Keeps the weights in memory until <see cref="Leave"/>.</summary>
    public void Enter()
    {
        lock (_lock)
        {
            _sessions++;
            Owners[Owner] = this;
        }
    }

    /// <summary>Frees the weights if no other session uses them.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (--_sessions > 0)
            {
                return;
            }

            Owners.TryRemove(Owner, out _);
            foreach (var memory in _matrices.Values.Concat<IDisposable>(_values.Values))
            {
                memory.Dispose();
            }

            _matrices.Clear();
            _values.Clear();
        }
    }

    /// <summary>A matrix in panels; the first call reads it from its file.</summary>
    /// <param name="place">The matrix.</param>
    /// <param name="transposed">Whether a row of the file is a column of the matrix.</param>
    public PanelMatrix Matrix(WeightPlace place, bool transposed)
    {
        lock (_lock)
        {
            if (!_matrices.TryGetValue((place, transposed), out var matrix))
            {
                matrix = new PanelMatrix(place.Rows, place.Columns, transposed);
                place.Map(matrix.Fill);
                _matrices.Add((place, transposed), matrix);
            }

            return matrix;
        }
    }

    /// <summary>Overwrites all weights in place. No session may run meanwhile.</summary>
    /// <param name="weights">New values by name; each has the length of its <see cref="WeightPlace"/>. After an exception, some are written.</param>
    public void Replace(PinnedWeights weights)
    {
        lock (_lock)
        {
            foreach (var (key, matrix) in _matrices)
            {
                matrix.Fill(weights[key.Place.Name]);
            }

            foreach (var (place, buffer) in _values)
            {
                Copy(weights[place.Name], buffer);
            }
        }
    }

    private NativeBuffer<float> Values(WeightPlace place)
    {
        lock (_lock)
        {
            if (!_values.TryGetValue(place, out var buffer))
            {
                buffer = new NativeBuffer<float>(place.Length);
                place.Map(start => Copy(start, buffer));
                _values.Add(place, buffer);
            }

            return buffer;
        }
    }

    private static unsafe void Copy(nint from, NativeBuffer<float> to) =>
        Parallel.For(0L, (to.Length + FloatsAtOnce - 1) / FloatsAtOnce, part =>
        {
            long first = part * FloatsAtOnce;
            int count = (int)Math.Min(FloatsAtOnce, to.Length - first);
            new ReadOnlySpan<float>((float*)from + first, count).CopyTo(to.Span(first, count));
        });

    /// <summary>A session that leaves its weights when it is disposed.</summary>
    /// <param name="model">The graph.</param>
    /// <param name="options">The settings.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="values">Initializers that the session reads.</param>
    private sealed class Session(byte[] model, SessionOptions options, PackedWeights weights, List<OrtValue> values)
        : InferenceSession(model, options)
    {
        private bool _disposed;

        protected override void Dispose(bool disposing)
        {
            base.Dispose(disposing);
            if (disposing && !_disposed)
            {
                _disposed = true;
                values.ForEach(value => value.Dispose());
                weights.Leave();
            }
        }
    }
}
