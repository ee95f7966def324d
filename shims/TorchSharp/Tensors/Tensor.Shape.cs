using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Views, copies and conversions.</summary>
    public partial class Tensor
    {
        private static readonly Operator s_view = new("view");
        private static readonly Operator s_reshape = new("reshape");
        private static readonly Operator s_permute = new("permute");
        private static readonly Operator s_transpose = new("transpose", "int");
        private static readonly Operator s_t = new("t");
        private static readonly Operator s_contiguous = new("contiguous");
        private static readonly Operator s_clone = new("clone");
        private static readonly Operator s_detach = new("detach");
        private static readonly Operator s_detachInPlace = new("detach_");
        private static readonly Operator s_expand = new("expand");
        private static readonly Operator s_repeat = new("repeat");
        private static readonly Operator s_flip = new("flip");
        private static readonly Operator s_squeeze = new("squeeze");
        private static readonly Operator s_squeezeDim = new("squeeze", "dim");
        private static readonly Operator s_unsqueeze = new("unsqueeze");
        private static readonly Operator s_chunk = new("chunk");
        private static readonly Operator s_split = new("split", "Tensor");
        private static readonly Operator s_splitSizes = new("split_with_sizes");
        private static readonly Operator s_unbind = new("unbind", "int");
        private static readonly Operator s_set = new("set_", "source_Tensor");
        private static readonly Operator s_toType = new("to", "dtype");
        private static readonly Operator s_toDevice = new("to", "device");

        public Tensor view(params long[] shape) => s_view.Call(this, shape);

        public Tensor reshape(params long[] shape) => s_reshape.Call(this, shape);

        public Tensor permute(params long[] permutation) => s_permute.Call(this, permutation);

        public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());

        public Tensor transpose(long dim0, long dim1) => s_transpose.Call(this, dim0, dim1);

        public Tensor t() => s_t.Call(this);

        public Tensor contiguous() => s_contiguous.Call(this);

        public Tensor clone() => s_clone.Call(this);

        public Tensor detach() => s_detach.Call(this);

        public Tensor detach_() => InPlace(s_detachInPlace, this);

        public Tensor expand(long[] sizes, bool isImplicit = false) => s_expand.Call(this, sizes, isImplicit);

        public Tensor expand(params long[] sizes) => expand(sizes, false);

        public Tensor repeat(params long[] sizes) => s_repeat.Call(this, sizes);

        public Tensor flip(params long[] dims) => s_flip.Call(this, dims);

        public Tensor squeeze(long? dim = null) => dim is { } one ? s_squeezeDim.Call(this, one) : s_squeeze.Call(this);

        public Tensor unsqueeze(long dim) => s_unsqueeze.Call(this, dim);

        public Tensor[] chunk(long chunks, long dim = 0) => s_chunk.CallMany(this, chunks, dim);

        public Tensor[] split(long size, int dim = 0) => s_split.CallMany(this, size, dim);

        public Tensor[] split(long[] sizes, long dim = 0) => s_splitSizes.CallMany(this, sizes, dim);

        public Tensor[] split(params long[] sizes) => split(sizes, 0);

        public Tensor[] unbind(long dimension = 0) => s_unbind.CallMany(this, dimension);

        public Tensor set_(Tensor source) => InPlace(s_set, this, source);

        public Tensor cpu() => to(CPU);

        public Tensor cuda(Device device = null, bool non_blocking = false) => to(device ?? CUDA, non_blocking: non_blocking);

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            After(s_toType.Call(this, type, non_blocking, copy), disposeAfter);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(device, dtype, copy, disposeAfter, non_blocking);

        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(new Device(deviceType, deviceIndex), dtype, copy, disposeAfter, non_blocking);

        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(new Device(device), dtype, copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(device, type, copy, disposeAfter, non_blocking);

        public Tensor to(Tensor other, bool non_blocking = false) => To(other.device, other.dtype, false, false, non_blocking);

        public Tensor type_as(Tensor tensor) => to(tensor.dtype);

        private Tensor To(Device device, ScalarType type, bool copy, bool disposeAfter, bool nonBlocking) =>
            After(s_toDevice.Call(this, device, type, nonBlocking, copy), disposeAfter);

        private Tensor After(Tensor converted, bool disposeAfter)
        {
            if (disposeAfter)
            {
                Dispose();
            }

            return converted;
        }
    }
}
