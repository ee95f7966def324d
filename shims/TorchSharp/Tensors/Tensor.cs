using System.Diagnostics;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A handle on one libtorch tensor: its lifetime, scope and properties.</summary>
    [DebuggerDisplay("{dtype} tensor of rank {dim()} on {device}")]
    public partial class Tensor : IDisposable
    {
        // Below this a tensor's memory is no concern of the garbage collector's.
        private const long PressureFloor = 64 * 1024;
        private static long s_count;

        private readonly long _bytes;
        private nint _handle;
        private DisposeScope _scope;
        private bool _pressing;

        internal Tensor(nint handle, long bytes = 0, bool scoped = true)
        {
            if (handle == 0)
            {
                throw new InvalidOperationException("libtorch returned an undefined tensor.");
            }

            _handle = handle;
            _bytes = bytes;
            Interlocked.Increment(ref s_count);
            _scope = scoped ? DisposeScope.Current : null;
            _scope?.Add(this);
            Press();
        }

        ~Tensor() => Dispose(false);

        /// <summary>Tensors alive in this process, as .NET objects.</summary>
        public static long TotalCount => Interlocked.Read(ref s_count);

        internal nint Handle => _handle != 0
            ? _handle
            : throw new InvalidOperationException("Tensor invalid -- empty handle: it was disposed, or its scope has ended (MoveToOuterDisposeScope keeps one).");

        internal bool IsInvalid => _handle == 0;

        public ScalarType dtype => (ScalarType)Door.door_dtype(Handle);

        public unsafe Device device
        {
            get
            {
                int type, index;
                Door.door_device(Handle, &type, &index);
                return new Device((DeviceType)type, index);
            }
        }

        public unsafe long[] shape
        {
            get
            {
                var sizes = new long[Door.door_rank(Handle)];
                fixed (long* p = sizes)
                {
                    Door.door_sizes(_handle, p);
                }

                return sizes;
            }
        }

        public bool is_leaf => Door.door_leaf(Handle) != 0;

        public bool requires_grad
        {
            get => Door.door_requires_grad(Handle) != 0;
            set => Door.Check(Door.door_set_requires_grad(Handle, value ? 1 : 0));
        }

        public unsafe Tensor grad
        {
            get
            {
                nint found;
                Door.Check(Door.door_grad(Handle, &found));
                return found == 0 ? null : new Tensor(found);
            }

            set => Door.Check(Door.door_set_grad(Handle, value is null ? 0 : value.Handle));
        }

        public long dim() => Door.door_rank(Handle);

        public long numel() => Door.door_numel(Handle);

        public long size(int dim) => shape[dim < 0 ? dim + (int)this.dim() : dim];

        public long[] size() => shape;

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public void retain_grad() => Door.Check(Door.door_retain_grad(Handle));

        public Tensor MoveToOuterDisposeScope()
        {
            MoveTo(_scope?.Outer);
            return this;
        }

        public Tensor DetachFromDisposeScope()
        {
            MoveTo(null);
            return this;
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            nint handle = Interlocked.Exchange(ref _handle, 0);
            if (handle == 0)
            {
                return;
            }

            Door.door_free(handle);
            Forget(disposing);
        }

        public override string ToString() => IsInvalid ? "disposed tensor" : $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";

        /// <summary>Gives the native handle to another owner; this object is then as good as disposed.</summary>
        internal nint Decouple()
        {
            nint handle = Handle;
            _handle = 0;
            Forget(true);
            GC.SuppressFinalize(this);
            return handle;
        }

        internal void MoveTo(DisposeScope scope)
        {
            _scope?.Remove(this);
            _scope = scope;
            _scope?.Add(this);
            Press();
        }

        private void Forget(bool disposing)
        {
            Interlocked.Decrement(ref s_count);
            if (disposing)
            {
                _scope?.Remove(this);
                _scope = null;
            }

            if (_pressing)
            {
                _pressing = false;
                GC.RemoveMemoryPressure(_bytes);
            }
        }

        /// <summary>Tells the collector of memory that only it will free: that of large tensors in no scope.</summary>
        private void Press()
        {
            if (_scope is null && !_pressing && _bytes >= PressureFloor)
            {
                _pressing = true;
                GC.AddMemoryPressure(_bytes);
            }
        }
    }
}
