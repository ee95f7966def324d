using Microsoft.ML.OnnxRuntime;

namespace Rudder.InferenceService.Engines;

/// <summary>Keys and values of every slot, one [S,H,maxT,D] block each per layer; rows are copied when prompts are shared and slots compacted.</summary>
internal sealed class KeyValueArena : IDisposable
{
    private readonly NativeBuffer<float>[] _blocks;          // key and value of layer 0, of layer 1, …
    private readonly GraphShape _shape;
    private readonly int _slots;
    private readonly int _maxTokens;

    /// <summary>Allocates the cache.</summary>
    /// <param name="shape">The graph's shape.</param>
    /// <param name="slots">S.</param>
    /// <param name="maxTokens">maxT.</param>
    /// <param name="maxBytes">Largest size allowed.</param>
    /// <exception cref="ModelLoadException">It would be larger than allowed, or memory ran out.</exception>
    public KeyValueArena(GraphShape shape, int slots, int maxTokens, long maxBytes)
    {
        (_shape, _slots, _maxTokens) = (shape, slots, maxTokens);
        long bytes = Size(shape, slots, maxTokens, maxBytes);
        _blocks = new NativeBuffer<float>[2 * shape.Layers];
        try
        {
            for (int i = 0; i < _blocks.Length; i++)
            {
                _blocks[i] = new NativeBuffer<float>(slots * RowLength);
            }
        }
        catch (OutOfMemoryException e)
        {
            Dispose();
            throw new ModelLoadException($"no memory for a key-value cache of {bytes:N0} bytes. Lower MaxSlots or MaxTokens.", e);
        }
    }

    private long RowLength => (long)_shape.Heads * _maxTokens * _shape.HeadSize;

    /// <summary>Bytes of a cache, computed before anything is allocated; also the bound of what GenAI allocates by itself.</summary>
    /// <param name="shape">The graph's shape.</param>
    /// <param name="slots">S.</param>
    /// <param name="maxTokens">maxT.</param>
    /// <param name="maxBytes">Largest size allowed.</param>
    /// <exception cref="ModelLoadException">It would be larger than allowed.</exception>
    public static long Size(GraphShape shape, int slots, int maxTokens, long maxBytes)
    {
        try
        {
            long bytes = checked(shape.CacheBytesPerToken * slots * maxTokens);
            return bytes <= maxBytes
                ? bytes
                : throw new ModelLoadException(
                    $"the key-value cache of {slots} slots × {maxTokens} tokens needs {bytes:N0} bytes; the limit is {maxBytes:N0} (Service:MaxCacheMegabytes). Lower MaxSlots or MaxTokens, or raise it.");
        }
        catch (OverflowException e)
        {
            throw new ModelLoadException($"the key-value cache of {slots} slots × {maxTokens} tokens is larger than any memory. Lower MaxSlots or MaxTokens.", e);
        }
    }

    /// <summary>Keys (even block) or values (odd block) of a contiguous range of slots, [rows,H,maxT,D].</summary>
    /// <param name="block">2 × layer, plus 1 for values.</param>
    /// <param name="firstRow">First slot.</param>
    /// <param name="rows">Slots.</param>
    public OrtValue View(int block, int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow + rows, _slots);
        return _blocks[block].View(firstRow * RowLength, rows, _shape.Heads, _maxTokens, _shape.HeadSize);
    }

    /// <summary>Copies the first tokens of one slot to another.</summary>
    public void CopyRow(int from, int to, int tokens)
    {
        int length = tokens * _shape.HeadSize;
        foreach (var block in _blocks)
        {
            for (int head = 0; head < _shape.Heads; head++)
            {
                long offset = (long)head * _maxTokens * _shape.HeadSize;
                block.Span((from * RowLength) + offset, length).CopyTo(block.Span((to * RowLength) + offset, length));
            }
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
