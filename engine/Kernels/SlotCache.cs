namespace Rudder.Engine.Kernels;

/// <summary>
/// Keys and values of every slot for <see cref="SlotAttention"/>: [S,maxT,W] per layer, with the heads of a token side by side, so that
/// a step reads a row from its first token to its last as one stream. It also describes the tokens that a run adds.
/// </summary>
/// <remarks>
/// Reading the cache takes time in proportion to its bytes. With int8 graphs it therefore stores bfloat16 (the upper half of a float);
/// the error is below that of the int8 products.
/// </remarks>
internal sealed unsafe class SlotCache : IDisposable
{
    /// <summary>Maximum tokens of a slot: the scores of one token and head lie on a thread's stack, 512 KiB.</summary>
    public const int MostTokens = 1 << 17;

    private readonly NativeBuffer<byte>[] _blocks;           // keys and values of layer 0, of layer 1, …
    private readonly int[] _starts;                          // of each row of the run: tokens already cached
    private readonly int[] _counts;                          // of each row of the run: new tokens
    private readonly int _slots;

    /// <summary>Allocates the cache.</summary>
    /// <param name="layers">Layers.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <param name="slots">S.</param>
    /// <param name="maxTokens">maxT, at most <see cref="MostTokens"/>.</param>
    /// <param name="isHalf">Whether to store numbers in 16 bits.</param>
    /// <param name="keyValueHeads">Heads of keys and values, which divide the heads; 0: as many as heads.</param>
    /// <exception cref="OutOfMemoryException">The memory is not available.</exception>
    public SlotCache(int layers, int heads, int headSize, int slots, int maxTokens, bool isHalf, int keyValueHeads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxTokens, MostTokens);
        KeyValueHeads = keyValueHeads > 0 ? keyValueHeads : heads;
        ArgumentOutOfRangeException.ThrowIfNotEqual(heads % KeyValueHeads, 0);
        (Layers, Heads, HeadSize, _slots, MaxTokens, IsHalf) = (layers, heads, headSize, slots, maxTokens, isHalf);
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

    /// <summary>Whether numbers are stored in 16 bits.</summary>
    public bool IsHalf { get; }

    /// <summary>Layers.</summary>
    public int Layers { get; }

    /// <summary>Attention heads.</summary>
    public int Heads { get; }

    /// <summary>Heads of keys and values; as many as <see cref="Heads"/> unless groups of query heads share them.</summary>
    public int KeyValueHeads { get; }

    /// <summary>Width of a head.</summary>
    public int HeadSize { get; }

    /// <summary>maxT.</summary>
    public int MaxTokens { get; }

    /// <summary>W, all heads of keys or of values side by side.</summary>
    public int Width => KeyValueHeads * HeadSize;

    /// <summary>Number of rows of the current run.</summary>
    public int Rows { get; private set; }

    private int FirstRow { get; set; }

    private long RowBytes => (long)MaxTokens * TokenBytes;

    private int TokenBytes => Width * (IsHalf ? sizeof(ushort) : sizeof(float));

    /// <summary>Declares the rows of the next run; call <see cref="Bring"/> for each of them afterwards.</summary>
    /// <param name="firstRow">Slot of the first row.</param>
    /// <param name="rows">Number of rows.</param>
    public void Begin(int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, _slots - firstRow);
        (FirstRow, Rows) = (firstRow, rows);
    }

    /// <summary>Declares the new tokens of one row of the next run.</summary>
    /// <param name="row">Row of the run.</param>
    /// <param name="start">Tokens already in the slot.</param>
    /// <param name="count">New tokens, at least one.</param>
    public void Bring(int row, int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxTokens - start);     // the next slot starts there
        (_starts[row], _counts[row]) = (start, count);
    }

    /// <summary>The cached and new tokens of a row of the current run.</summary>
    public (int Start, int Count) Brought(int row) => (_starts[row], _counts[row]);

    /// <summary>Keys of a row of the current run, [maxT,W].</summary>
    public void* Keys(int layer, int row) => _blocks[2 * layer].Pointer + ((FirstRow + row) * RowBytes);

    /// <summary>Values of a row of the current run, [maxT,W].</summary>
    public void* Values(int layer, int row) => _blocks[(2 * layer) + 1].Pointer + ((FirstRow + row) * RowBytes);

    /// <summary>Copies the first tokens of one slot to another.</summary>
    public void CopyRow(int from, int to, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(from, _slots);
        ArgumentOutOfRangeException.ThrowIfNegative(to);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(to, _slots);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, MaxTokens);
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
