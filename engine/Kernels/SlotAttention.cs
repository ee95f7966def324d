using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Operators: causal attention over a <see cref="SlotCache"/>. They write the keys and values of new tokens into the cache; each token
/// attends to itself and to the earlier tokens of its slot. Softmax(q·kᵀ/√d)·v per head.
/// </summary>
/// <remarks>
/// <see cref="Name"/>: input queries, keys and values side by side, [B,T,3W]; optionally a factor per row [B·T] and a bias [3W], left over
/// from an int8 product. <see cref="GroupedName"/>: inputs queries [B,T,W], keys and values [B,T,KE] of K heads that groups of query heads
/// share; optionally cosines and sines [positions,R/2] that turn queries and keys (<see cref="HeadAngles"/>). Output: [B,T,W], with zeros
/// past a row's new tokens. A token's result depends only on its own slot, and not on how many tokens a run adds.
/// </remarks>
/// <param name="cache">The cache.</param>
/// <param name="layer">Layer of the cache.</param>
/// <param name="grouped">Whether queries, keys and values are apart.</param>
/// <param name="window">Tokens that a token attends to, itself included; 0: all earlier ones.</param>
internal sealed unsafe class SlotAttention(SlotCache cache, int layer, bool grouped, int window) : IKernel, IDisposable
{
    /// <summary>Name of the operator. Attribute: layer.</summary>
    public const string Name = "SlotAttention";

    /// <summary>Name of the operator for grouped heads. Attributes: layer, window.</summary>
    public const string GroupedName = "GroupedSlotAttention";

    private const int UnitsAtLeast = 8;                      // enough work units for two threads to finish at about the same time
    private const int ScoresAtOnce = 16384;                  // floats on the stack; a longer sequence takes one per token

    private GCHandle _cache = GCHandle.Alloc(cache);         // keeps the cache reachable for compute threads

    /// <summary>The operators for one cache.</summary>
    public static OperatorDefinition[] Operators(SlotCache cache) =>
    [
        new(
            Name,
            [new(ElementType.Float), new(ElementType.Float, Optional: true), new(ElementType.Float, Optional: true)],
            [ElementType.Float],
            attributes => new SlotAttention(cache, Layer(cache, attributes), grouped: false, window: 0)),
        new(
            GroupedName,
            [
                new(ElementType.Float), new(ElementType.Float), new(ElementType.Float),
                new(ElementType.Float, Optional: true), new(ElementType.Float, Optional: true),
            ],
            [ElementType.Float],
            attributes => new SlotAttention(cache, Layer(cache, attributes), grouped: true, checked((int)attributes.Integer("window\0"u8)))),
    ];

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* queries = call.Matrix<float>(0, out int tokens, out int columns);
        int width = cache.Heads * cache.HeadSize;
        bool fits = columns == (grouped ? width : 3L * width) && (grouped || cache.Heads == cache.KeyValueHeads);
        if (!fits || tokens % cache.Rows != 0)
        {
            string parts = grouped ? "" : "3 × ";
            throw new InvalidOperationException($"attention got {tokens} tokens of {columns} numbers for {cache.Rows} rows of {parts}{width}.");
        }

        int groups = Math.Min(cache.KeyValueHeads, Math.Max(1, UnitsAtLeast / cache.Rows));
        var work = new Work
        {
            Cache = GCHandle.ToIntPtr(_cache), Layer = layer, Window = window, Tokens = tokens / cache.Rows, Groups = groups,
            Rows = grouped ? Apart(call, queries, tokens) : QkvRows.SideBySide(
                queries, call.OptionalInput<float>(1, tokens), call.OptionalInput<float>(2, columns), width),
            Angles = grouped ? Angles(call) : default,
            Output = call.OutputLike<float>(0, 0, width),
        };
        call.For(cache.Rows * groups, &Unit, &work);
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Free();

    private QkvRows Apart(KernelCall call, float* queries, int tokens)
    {
        long numbers = (long)tokens * cache.Width;
        return QkvRows.Apart(queries, cache.Heads * cache.HeadSize, call.Input<float>(1, numbers), call.Input<float>(2, numbers), cache.Width);
    }

    private HeadAngles Angles(KernelCall call)
    {
        float* cosines = call.OptionalMatrix<float>(3, out int positions, out int pairs);
        if (cosines is null)
        {
            return default;
        }

        return positions >= cache.MaxTokens && 2L * pairs <= cache.HeadSize
            ? new HeadAngles { Cosines = cosines, Sines = call.Input<float>(4, (long)positions * pairs), Pairs = pairs }
            : throw new InvalidOperationException(
                $"attention got angles of {positions} positions and {pairs} pairs for {cache.MaxTokens} tokens and heads of {cache.HeadSize} numbers.");
    }

    private static int Layer(SlotCache cache, NodeAttributes attributes) => attributes.Integer("layer\0"u8) is var layer && layer >= 0 && layer < cache.Layers
        ? (int)layer
        : throw new InvalidOperationException($"attention names layer {layer}; its cache has {cache.Layers}.");

    [UnmanagedCallersOnly]
    private static void Unit(void* state, nuint index)
    {
        var work = (Work*)state;
        var cache = (SlotCache)GCHandle.FromIntPtr(work->Cache).Target!;
        if (cache.IsHalf)
        {
            Unit<ushort, KeptHalf>(work, cache, (int)index);
        }
        else
        {
            Unit<float, KeptWhole>(work, cache, (int)index);
        }
    }

    private static void Unit<T, TKept>(Work* work, SlotCache cache, int index)
        where T : unmanaged
        where TKept : IKept<T>
    {
        int row = index / work->Groups, group = index % work->Groups, share = cache.Heads / cache.KeyValueHeads, size = cache.HeadSize;
        int first = cache.KeyValueHeads * group / work->Groups, count = (cache.KeyValueHeads * (group + 1) / work->Groups) - first;
        var heads = new Heads<T, TKept>(cache, work->Layer, row, first, count);
        (int start, int added) = cache.Brought(row);
        int queries = count * share * size, keys = count * size, column = first * share * size;
        float* numbers = stackalloc float[queries];
        for (int t = 0; t < work->Tokens; t++)
        {
            long token = ((long)row * work->Tokens) + t;
            float* output = work->Output + (token * cache.Heads * size) + column;
            if (t >= added)
            {
                new Span<float>(output, queries).Clear();
                continue;
            }

            int position = start + t;
            var key = work->Rows.Read(work->Rows.Keys, token, first * size, keys, numbers);
            work->Angles.Turn(numbers, count, size, position);
            TKept.Keep(key, heads.Keys + ((long)position * cache.Width));
            TKept.Keep(work->Rows.Read(work->Rows.Values, token, first * size, keys, numbers), heads.Values + ((long)position * cache.Width));
            work->Rows.Read(work->Rows.Queries, token, column, queries, numbers);
            work->Angles.Turn(numbers, count * share, size, position);
            int from = work->Window == 0 ? 0 : Math.Max(0, position + 1 - work->Window);
            heads.Attend(numbers, from, position + 1 - from, output);
        }
    }

    private struct Work
    {
        public nint Cache;
        public int Layer, Window, Tokens, Groups;
        public QkvRows Rows;
        public HeadAngles Angles;
        public float* Output;
    }

    /// <summary>Adjacent heads of keys and values of one row, with the query heads that share them.</summary>
    private readonly struct Heads<T, TKept>(SlotCache cache, int layer, int row, int first, int count)
        where T : unmanaged
        where TKept : IKept<T>
    {
        private readonly int _size = cache.HeadSize;
        private readonly int _width = cache.Width;
        private readonly int _share = cache.Heads / cache.KeyValueHeads;
        private readonly int _queries = count * (cache.Heads / cache.KeyValueHeads);
        private readonly float _scale = 1f / MathF.Sqrt(cache.HeadSize);

        public T* Keys { get; } = (T*)cache.Keys(layer, row) + (first * cache.HeadSize);

        public T* Values { get; } = (T*)cache.Values(layer, row) + (first * cache.HeadSize);

        /// <summary>Computes attention of one token over these heads.</summary>
        /// <param name="query">Queries of the token, head by head.</param>
        /// <param name="from">First cached token to attend to.</param>
        /// <param name="tokens">Number of cached tokens to attend to.</param>
        /// <param name="output">Output, head by head.</param>
        public void Attend(float* query, int from, int tokens, float* output)
        {
            int atOnce = Math.Clamp(ScoresAtOnce / tokens, 1, _queries);
            float* scores = stackalloc float[atOnce * tokens];
            int* offsets = stackalloc int[atOnce];           // of the keys that a query head reads
            long start = (long)from * _width;
            for (int head = 0; head < _queries; head += atOnce)
            {
                int taken = Math.Min(atOnce, _queries - head);
                for (int i = 0; i < taken; i++)
                {
                    offsets[i] = (head + i) / _share * _size;
                }

                Attend(query + (head * _size), Keys + start, Values + start, offsets, taken, tokens, scores, output + (head * _size));
            }
        }

        private void Attend(float* query, T* keys, T* values, int* offsets, int heads, int tokens, float* scores, float* output)
        {
            for (int t = 0; t < tokens; t++, keys += _width)
            {
                for (int head = 0; head < heads; head++)
                {
                    scores[(head * tokens) + t] = Vectors.Dot<T, TKept>(query + (head * _size), keys + offsets[head], _size) * _scale;
                }
            }

            for (int head = 0; head < heads; head++)
            {
                Vectors.Softmax(scores + (head * tokens), tokens);
            }

            new Span<float>(output, heads * _size).Clear();
            for (int t = 0; t < tokens; t++, values += _width)
            {
                for (int head = 0; head < heads; head++)
                {
                    Vectors.AddScaled<T, TKept>(values + offsets[head], scores[(head * tokens) + t], output + (head * _size), _size);
                }
            }
        }
    }
}
