using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Models;

/// <summary>The numbers of a tensor where they lie, without a copy. Later changes of the tensor show.</summary>
/// <remarks>It keeps the tensor reachable. A disposed tensor is refused; do not dispose it while a span or a pin of this memory is in use.</remarks>
internal sealed unsafe class TensorMemory : MemoryManager<float>
{
    private readonly Tensor _tensor;
    private readonly float* _start;
    private readonly int _length;

    /// <summary>Finds the numbers of a tensor.</summary>
    /// <param name="tensor">A tensor that <see cref="CanView"/> accepts.</param>
    /// <exception cref="ArgumentException">Another one: its numbers have another place, order or type.</exception>
    public TensorMemory(Tensor tensor)
    {
        if (!CanView(tensor))
        {
            throw new ArgumentException(FormattableString.Invariant(
                $"A tensor of {tensor.numel()} {tensor.dtype} on {tensor.device}, contiguous: {tensor.is_contiguous()}. ")
                + "Only contiguous float32 tensors on the CPU can be read in place, with 1 to 2^31-1 numbers. Copy it first.");
        }

        (_tensor, _length) = (tensor, (int)tensor.numel());
        using var scope = NewDisposeScope();
        Tensor first = tensor.detach().view(-1).narrow(0, 0, 1); // [1]: a span of bytes ends at 2 GiB, below the largest tensors
        _start = (float*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }

    /// <summary>Whether a tensor's numbers can be read in place: row-major, float32, in this machine's memory.</summary>
    public static bool CanView(Tensor tensor) =>
        tensor.dtype == ScalarType.Float32 && tensor.device_type == DeviceType.CPU && tensor.is_contiguous() && tensor.numel() is > 0 and <= int.MaxValue;

    public override Span<float> GetSpan()
    {
        Require();
        return new Span<float>(_start, _length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        Require();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle(_start + elementIndex, pinnable: this); // torch's memory does not move; the handle keeps the tensor reachable
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }

    private void Require() => ObjectDisposedException.ThrowIf(_tensor.IsInvalid, _tensor);
}
