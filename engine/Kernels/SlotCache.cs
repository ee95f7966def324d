namespace Rudder.Engine.Kernels;

/// <summary>
/// Keys and values of every slot for <see cref="SlotAttention"/>: [S,maxT,W] of each layer, a token's heads side by side, so that
/// a step reads a row from its first token to its last as one stream of memory. It also says which tokens a run brings.
/// </summary>
/// <remarks>
/// Reading the cache takes as long as its bytes: where the graph is in 8 bits anyway, numbers are kept in 16 (bfloat16, the upper
/// half of a float), with less error than the products have.
/// </remarks>
internal sealed unsafe class SlotCache : IDisposable
{
    /// <summary>Largest number of tokens of a slot: a token's scores of one head lie on a thread's stack, 512 KiB.</summary>
    public const int MostTokens = 1 << 17;

    private readonly NativeBuffer<byte>[] _blocks;           // keys and values of layer 0, of layer 1, …
    private readonly int[] _starts;                          // of each row of the run: tokens it holds already
    private readonly int[] _counts;                          // of each row of the run: tokens it brings
    private readonly int _slots;
    private readonly int _maxTokens;

    /// <summary>Allocates the cache.</summary>
    /// <param name="layers">Layers.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="slots">S.</param>
    /// <param name="maxTokens">maxT, at most <see cref="MostTokens"/>.</param>
    /// <param name="isHalf">Whether numbers are kept in 16 bits.</param>
    /// <exception cref="OutOfMemoryException">The memory is not available.</exception>
    public SlotCache(int layers, int heads, int headSize, int slots, int maxTokens, bool isHalf)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxTokens, MostTokens);
        (Layers, Heads, HeadSize, _slots, _maxTokens, IsHalf) = (layers, heads, headSize, slots, maxTokens, isHalf);
        (_starts, _counts) = (new int[slots], new int[slots]);
        _blocks = new NativeBuffer<byte>[2 * layers];
        try
        {
            for (int i = 0; i < _blocks.Length; i++)
            {
                _blocks[i] = new NativeBuffer<byte>(slots * RowBytes);
            }
        }
        catch (OutOfMemoryException)
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether numbers are kept in 16 bits.</summary>
    public bool IsHalf { get; }

    /// <summary>Layers.</summary>
    public int Layers { get; }

    /// <summary>Attention heads.</summary>
    public int Heads { get; }

    /// <summary>Width of a head.</summary>
    public int HeadSize { get; }

    /// <summary>W, all heads side by side.</summary>
    public int Width => Heads * HeadSize;

    /// <summary>Rows of the run under way.</summary>
    public int Rows { get; private set; }

    private int FirstRow { get; set; }

    private long RowBytes => (long)_maxTokens * TokenBytes;

    private int TokenBytes => Width * (IsHalf ? sizeof(ushort) : sizeof(float));

    /// <summary>Says which rows the next run is about; then <see cref="Bring"/> for each of them.</summary>
    /// <param name="firstRow">Slot of the run's first row.</param>
    /// <param name="rows">Rows.</param>
    public void Begin(int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, _slots - firstRow);
        (FirstRow, Rows) = (firstRow, rows);
    }

    /// <summary>Says what one row of the next run brings.</summary>
    /// <param name="row">Of the run.</param>
    /// <param name="start">Tokens the slot holds already.</param>
    /// <param name="count">Tokens it brings, at least one.</param>
    public void Bring(int row, int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _maxTokens - start);     // beyond it lies the next slot
        (_starts[row], _counts[row]) = (start, count);
    }

    /// <summary>What a row of the run under way brings.</summary>
    public (int Start, int Count) Brought(int row) => (_starts[row], _counts[row]);

    /// <summary>Keys of a row of the run under way, [maxT,W].</summary>
    public void* Keys(int layer, int row) => _blocks[2 * layer].Pointer + ((FirstRow + row) * RowBytes);

    /// <summary>Values of a row of the run under way, [maxT,W].</summary>
    public void* Values(int layer, int row) => _blocks[(2 * layer) + 1].Pointer + ((FirstRow + row) * RowBytes);

    /// <summary>Copies the first tokens of one slot to another.</summary>
    public void CopyRow(int from, int to, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(from, _slots);
        ArgumentOutOfRangeException.ThrowIfNegative(to);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(to, _slots);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, _maxTokens);
        foreach (var block in _blocks)
        {
            Buffer.MemoryCopy(block.Pointer + (from * RowBytes), block.Pointer + (to * RowBytes), RowBytes, (long)tokens * TokenBytes);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in _blocks)
        {
            block?.Dispose();
        }
    }
}
