using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Operator: causal attention over a <see cref="SlotCache"/>. It writes the keys and values of new tokens into the cache; each token
/// attends to itself and to the earlier tokens of its slot. Softmax(q·kᵀ/√d)·v per head.
/// </summary>
/// <remarks>
/// Input: queries, keys and values side by side, [B,T,3W]; optionally a factor per row [B·T] and a bias [3W], left over from an int8
/// product. Output: [B,T,W], with zeros past a row's new tokens. A token's result depends only on its own slot, and not on how many
/// tokens a run adds.
/// </remarks>
/// <param name="cache">The cache.</param>
/// <param name="layer">Layer of the cache.</param>
internal sealed unsafe class SlotAttention(SlotCache cache, int layer) : IKernel, IDisposable
{
    /// <summary>Name of the operator. Attribute: layer.</summary>
    public const string Name = "SlotAttention";

    private const int UnitsAtLeast = 8;                      // enough work units for two threads to finish at about the same time
    private const int ScoresAtOnce = 16384;                  // floats on the stack; a longer sequence takes one per token

    private GCHandle _cache = GCHandle.Alloc(cache);         // keeps the cache reachable for compute threads

    /// <summary>The operator for one cache.</summary>
    public static OperatorDefinition Operator(SlotCache cache) => new(
        Name,
        [new(ElementType.Float), new(ElementType.Float, Optional: true), new(ElementType.Float, Optional: true)],
        [ElementType.Float],
        attributes => new SlotAttention(cache, Layer(cache, attributes.Integer("layer\0"u8))));

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* qkv = call.Matrix<float>(0, out int tokens, out int columns);
        int width = cache.Width;
        if (columns != 3L * width || tokens % cache.Rows != 0)
        {
            throw new InvalidOperationException($"attention got {tokens} tokens of {columns} numbers for {cache.Rows} rows of 3 × {width}.");
        }

        int groups = Math.Min(cache.Heads, Math.Max(1, UnitsAtLeast / cache.Rows));
        var work = new Work
        {
            Cache = GCHandle.ToIntPtr(_cache), Layer = layer, Tokens = tokens / cache.Rows, Groups = groups,
            Rows = new QkvRows { Qkv = qkv, Factors = call.OptionalInput<float>(1, tokens), Bias = call.OptionalInput<float>(2, columns), Width = width },
            Output = call.OutputLike<float>(0, 0, width),
        };
        call.For(cache.Rows * groups, &Unit, &work);
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Free();

    private static int Layer(SlotCache cache, long layer) => layer >= 0 && layer < cache.Layers
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
        int row = index / work->Groups, group = index % work->Groups;
        int first = cache.Heads * group / work->Groups, last = cache.Heads * (group + 1) / work->Groups;
        var heads = new Heads<T, TKept>(cache, work->Layer, row, first, last - first);
        (int start, int count) = cache.Brought(row);
        int size = heads.Count * cache.HeadSize;
        float* query = stackalloc float[size];
        for (int t = 0; t < work->Tokens; t++)
        {
            long token = ((long)row * work->Tokens) + t;
            float* output = work->Output + (token * cache.Width) + (first * cache.HeadSize);
            if (t >= count)
            {
                new Span<float>(output, size).Clear();
                continue;
            }

            long place = (long)(start + t) * cache.Width;
            TKept.Keep(work->Rows.Read(token, 1, first * cache.HeadSize, size, query), heads.Keys + place);
            TKept.Keep(work->Rows.Read(token, 2, first * cache.HeadSize, size, query), heads.Values + place);
            work->Rows.Read(token, 0, first * cache.HeadSize, size, query);
            heads.Attend(query, start + t + 1, output);
        }
    }

    private struct Work
    {
        public nint Cache;
        public int Layer, Tokens, Groups;
        public QkvRows Rows;
        public float* Output;
    }

    /// <summary>Adjacent heads of one row.</summary>
    private readonly struct Heads<T, TKept>(SlotCache cache, int layer, int row, int first, int count)
        where T : unmanaged
        where TKept : IKept<T>
    {
        private readonly int _size = cache.HeadSize;
        private readonly int _width = cache.Width;
        private readonly float _scale = 1f / MathF.Sqrt(cache.HeadSize);

        public int Count { get; } = count;

        public T* Keys { get; } = (T*)cache.Keys(layer, row) + (first * cache.HeadSize);

        public T* Values { get; } = (T*)cache.Values(layer, row) + (first * cache.HeadSize);

        /// <summary>Computes attention of one token over these heads.</summary>
        /// <param name="query">Queries of the token, head by head.</param>
        /// <param name="tokens">Number of cached tokens to attend to.</param>
        /// <param name="output">Output, head by head.</param>
        public void Attend(float* query, int tokens, float* output)
        {
            int atOnce = Math.Clamp(ScoresAtOnce / tokens, 1, Count);
            float* scores = stackalloc float[atOnce * tokens];
            for (int head = 0; head < Count; head += atOnce)
            {
                int offset = head * _size;
                Attend(query + offset, Keys + offset, Values + offset, Math.Min(atOnce, Count - head), tokens, scores, output + offset);
            }
        }

        private void Attend(float* query, T* keys, T* values, int heads, int tokens, float* scores, float* output)
        {
            for (int t = 0; t < tokens; t++, keys += _width)
            {
                for (int head = 0; head < heads; head++)
                {
                    scores[(head * tokens) + t] = Vectors.Dot<T, TKept>(query + (head * _size), keys + (head * _size), _size) * _scale;
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
                    Vectors.AddScaled<T, TKept>(values + (head * _size), scores[(head * tokens) + t], output + (head * _size), _size);
                }
            }
        }
    }
}
