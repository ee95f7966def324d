using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Rudder.Engine.Kernels;

/// <summary>Zeroed native memory that ONNX Runtime reads and writes in place and that this program accesses as a span.</summary>
/// <remarks>
/// Buffers of 2 MiB or more use huge pages if Linux has some: every step reads the whole key-value cache, and with 4 KiB pages the
/// processor would spend a good part of that time on address translation.
/// </remarks>
/// <typeparam name="T">float, Half or long.</typeparam>
internal sealed unsafe class NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;                        // a cache line, and the widest vector
    private readonly T* _pointer;
    private bool _disposed;

    /// <summary>Allocates the memory.</summary>
    /// <param name="length">Elements.</param>
    /// <exception cref="OutOfMemoryException">The memory is not available.</exception>
    public NativeBuffer(long length)
    {
        Length = length;
        nuint bytes = checked((nuint)(length * sizeof(T)));
        bool large = bytes >= HugePages.Size;
        _pointer = (T*)NativeMemory.AlignedAlloc(bytes, large ? (nuint)HugePages.Size : Alignment);
        if (large)
        {
            HugePages.Ask((nint)_pointer, bytes);
        }

        NativeMemory.Clear(_pointer, bytes);
    }

    ~NativeBuffer() => Free();

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>Pointer to the first element. The caller must stay within the bounds.</summary>
    public T* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _pointer;
        }
    }

    /// <summary>A range of the memory.</summary>
    public Span<T> Span(long start, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + length, Length);
        return new Span<T>(_pointer + start, length);
    }

    /// <summary>Creates a tensor over a range of the memory; it must not outlive this buffer.</summary>
    /// <param name="start">First element.</param>
    /// <param name="shape">Shape; the tensor must fit in the memory.</param>
    public OrtValue View(long start, params long[] shape)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long length = shape.Aggregate(1L, (product, size) => checked(product * size));
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + length, Length);
        var type = typeof(T) == typeof(float) ? TensorElementType.Float
            : typeof(T) == typeof(Half) ? TensorElementType.Float16
            : TensorElementType.Int64;
        return OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, type, shape, (nint)(_pointer + start), length * sizeof(T));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_pointer);
        }
    }
}
