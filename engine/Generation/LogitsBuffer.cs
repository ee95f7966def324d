using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Generation;

/// <summary>Next-token logits of each row in host memory for the sampler, always in float32.</summary>
/// <remarks>A float16 graph sends half the bytes over the bus. The buffer then widens its rows without loss, several at a time.</remarks>
internal sealed class LogitsBuffer : IDisposable
{
    private readonly NativeBuffer<float> _rows;              // [S,V]
    private readonly NativeBuffer<Half>? _halves;            // [S,V], for a float16 graph
    private readonly int _vocabulary;

    /// <summary>Allocates.</summary>
    /// <param name="rows">S.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="type">Element type of the graph's logits: Float or Float16.</param>
    /// <exception cref="OutOfMemoryException">The memory is not available.</exception>
    public LogitsBuffer(int rows, int vocabulary, TensorElementType type)
    {
        _vocabulary = vocabulary;
        _rows = new NativeBuffer<float>((long)rows * vocabulary);
        try
        {
            _halves = type == TensorElementType.Float16 ? new NativeBuffer<Half>((long)rows * vocabulary) : null;
        }
        catch
        {
            _rows.Dispose();
            throw;
        }
    }

    /// <summary>The tensor that the graph writes, [rows,1,V].</summary>
    public OrtValue View(int firstRow, int rows)
    {
        long start = (long)firstRow * _vocabulary;
        return _halves is null ? _rows.View(start, rows, 1, _vocabulary) : _halves.View(start, rows, 1, _vocabulary);
    }

    /// <summary>Makes rows readable after the graph has written them.</summary>
    public void Written(int firstRow, int rows)
    {
        if (_halves is not null)
        {
            Parallel.For(firstRow, firstRow + rows, Widen);
        }
    }

    /// <summary>One row; several threads may read. [V]</summary>
    public ReadOnlySpan<float> Row(int row) => _rows.Span((long)row * _vocabulary, _vocabulary);

    public void Dispose()
    {
        _rows.Dispose();
        _halves?.Dispose();
    }

    private void Widen(int row)
    {
        long start = (long)row * _vocabulary;
        TensorPrimitives.ConvertToSingle(_halves!.Span(start, _vocabulary), _rows.Span(start, _vocabulary));
    }
}
