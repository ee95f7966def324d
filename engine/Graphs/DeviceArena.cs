using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Rudder.Engine.Graphs;

/// <summary>Key-value cache that ONNX Runtime allocates on a device. Sharing and compaction also stay on the device.</summary>
/// <remarks>It copies whole rows: a row is contiguous, and one copy takes less time than launching a copy per piece.</remarks>
internal sealed class DeviceArena : IDisposable
{
    private readonly GraphShape _shape;
    private readonly int _slots;
    private readonly int _maxTokens;
    private readonly TensorCopy _copy;
    private readonly OrtAllocator _allocator;
    private readonly OrtMemoryInfo _memory;
    private readonly OrtMemoryAllocation?[] _blocks;         // keys and values of layer 0, of layer 1, …

    /// <summary>Allocates a zeroed cache.</summary>
    /// <param name="memory">The device's memory.</param>
    /// <param name="cuda">Its provider; null for the processor, which then stands in for a device.</param>
    /// <param name="shape">The graph's shape, including the element type of the cache.</param>
    /// <param name="slots">S.</param>
    /// <param name="maxTokens">maxT.</param>
    /// <param name="maxBytes">Maximum size.</param>
    /// <exception cref="RequestFault">The cache would exceed the maximum, or the device ran out of memory.</exception>
    public DeviceArena(OrtMemoryInfo memory, CudaProvider? cuda, GraphShape shape, int slots, int maxTokens, long maxBytes)
    {
        (_shape, _slots, _maxTokens) = (shape, slots, maxTokens);
        long bytes = CacheSize.Of(shape, slots, maxTokens, maxBytes);
        _blocks = new OrtMemoryAllocation?[2 * shape.Layers];
        uint block = BlockBytes();
        _copy = new TensorCopy(shape.CacheType, RowShape(1), _blocks.Length, cuda);
        OrtAllocator? allocator = null;
        OrtMemoryInfo? own = null;
        try
        {
            allocator = _copy.Allocator(memory);
            own = allocator.Info;
            (_allocator, _memory) = (allocator, own);
            for (int i = 0; i < _blocks.Length; i++)
            {
                _blocks[i] = _allocator.Allocate(block);
            }

            Clear();
        }
        catch (OnnxRuntimeException e)
        {
            Free(allocator, own);
            throw RequestFault.Unusable(
                $"no memory on the device for a key-value cache of {bytes:N0} bytes: {e.Message}",
                "",
                "Lower MaxSlots or MaxTokens, or unload a model.",
                e);
        }
        catch
        {
            Free(allocator, own);
            throw;
        }
    }

    private long RowBytes => (long)_shape.KeyValueHeads * _maxTokens * _shape.HeadSize * _shape.CacheElementBytes;

    /// <summary>Keys (even block) or values (odd block) of a contiguous range of slots, [rows,K,maxT,E].</summary>
    /// <param name="block">2 × layer, plus 1 for values.</param>
    /// <param name="firstRow">First slot.</param>
    /// <param name="rows">Number of slots.</param>
    public OrtValue View(int block, int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow + rows, _slots);
        var memory = _blocks[block];
        ObjectDisposedException.ThrowIf(memory is null || memory.IsClosed, this);
        nint start = memory.DangerousGetHandle() + (nint)(firstRow * RowBytes);
        return OrtValue.CreateTensorValueWithData(_memory, _shape.CacheType, RowShape(rows), start, rows * RowBytes);
    }

    /// <summary>Copies at least the first tokens of one slot to another; the contents after them are undefined.</summary>
    public void CopyRow(int from, int to, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, _maxTokens);
        if (from != to)
        {
            _copy.Run(block => View(block, from, 1), block => View(block, to, 1));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Free(_allocator, _memory);

    private long[] RowShape(int rows) => [rows, _shape.KeyValueHeads, _maxTokens, _shape.HeadSize];

    private uint BlockBytes()
    {
        long bytes = checked(_slots * RowBytes);
        return bytes <= uint.MaxValue
            ? (uint)bytes
            : throw RequestFault.Unusable(
                $"one layer's keys of {_slots} slots × {_maxTokens} tokens take {bytes:N0} bytes",
                $"a block on the device holds at most {uint.MaxValue:N0}",
                "Lower MaxSlots or MaxTokens.");
    }

    // Device memory starts with arbitrary contents; a kernel that multiplies masked values by zero could turn them into NaN.
    private void Clear()
    {
        _copy.Run(_ => Zeros(), block => View(block, 0, 1));
        for (int row = 1; row < _slots; row++)
        {
            CopyRow(0, row, 0);
        }
    }

    private OrtValue Zeros()
    {
        int length = checked((int)(RowBytes / _shape.CacheElementBytes));
        return _shape.CacheType == TensorElementType.Float16
            ? OrtValue.CreateTensorValueFromMemory(new Float16[length], RowShape(1))
            : OrtValue.CreateTensorValueFromMemory(new float[length], RowShape(1));
    }

    // Dispose the blocks before their allocator, and the allocator before its session.
    private void Free(OrtAllocator? allocator, OrtMemoryInfo? memory)
    {
        foreach (var block in _blocks)
        {
            block?.Dispose();
        }

        memory?.Dispose();
        allocator?.Dispose();
        _copy.Dispose();
    }
}
