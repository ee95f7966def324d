using System.Collections;
using static TorchSharp.torch;

namespace TorchSharp.Utils;

/// <summary>Presents a tensor's values, in row-major order, as .NET ones.</summary>
public sealed class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
{
    private readonly Tensor _tensor;

    internal TensorAccessor(Tensor tensor)
    {
        if (tensor.device.type != DeviceType.CPU)
        {
            throw new InvalidOperationException("Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
        }

        tensor.Check<T>();
        // A copy in row-major order where the tensor is a strided view: then writes would not reach it, and none are offered.
        _tensor = tensor.contiguous();
    }

    public long Count => _tensor.numel();

    public unsafe T this[params long[] indices]
    {
        get
        {
            long[] shape = _tensor.shape;
            long flat = 0;
            for (int i = 0; i < indices.Length; i++)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(indices[i]);
                ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(indices[i], shape[i]);
                flat = (flat * shape[i]) + indices[i];
            }

            T value = ((T*)_tensor.Pointer())[flat];
            GC.KeepAlive(_tensor);
            return value;
        }
    }

    public unsafe T[] ToArray()
    {
        T[] values = new ReadOnlySpan<T>(_tensor.Pointer(), checked((int)Count)).ToArray();
        GC.KeepAlive(_tensor);
        return values;
    }

    public unsafe void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0)
    {
        new ReadOnlySpan<T>((T*)_tensor.Pointer() + tensorIndex, checked((int)(Count - tensorIndex))).CopyTo(array.AsSpan(arrayIndex));
        GC.KeepAlive(_tensor);
    }

    public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)ToArray()).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose() => _tensor.Dispose();
}
