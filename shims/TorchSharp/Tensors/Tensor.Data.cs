using System.Runtime.CompilerServices;
using TorchSharp.Native;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A tensor's values from and to .NET memory.</summary>
    public partial class Tensor
    {
        public unsafe Span<byte> bytes
        {
            get
            {
                if (Door.door_contiguous(Handle) == 0 || device.type != DeviceType.CPU)
                {
                    throw new NotImplementedException("bytes needs a contiguous tensor on the CPU; call cpu().contiguous() first.");
                }

                return new Span<byte>(Pointer(), checked((int)(numel() * SizeOf(dtype))));
            }

            set => value.CopyTo(bytes);
        }

        public TensorAccessor<T> data<T>() where T : unmanaged => new(this);

        public unsafe T item<T>() where T : unmanaged
        {
            if (numel() != 1)
            {
                throw new ArgumentException($"item needs a tensor of one element; this one has {numel()}.");
            }

            Check<T>();
            if (device.type == DeviceType.CPU)
            {
                return *(T*)Pointer();
            }

            using Tensor local = cpu();
            return *(T*)local.Pointer();
        }

        internal unsafe void* Pointer()
        {
            void* data;
            Door.Check(Door.door_data(Handle, &data));
            return data;
        }

        internal void Check<T>() where T : unmanaged
        {
            if (TypeOf(typeof(T)) != dtype)
            {
                throw new ArgumentException($"values of type {typeof(T).Name} were asked of a {dtype} tensor; convert it with to(...) first.");
            }
        }

        internal static unsafe Tensor FromSpan<T>(ReadOnlySpan<T> values, ReadOnlySpan<long> sizes, ScalarType stored) where T : unmanaged
        {
            nint handle;
            long bytes = (long)values.Length * Unsafe.SizeOf<T>();
            fixed (T* data = values)
            fixed (long* shape = sizes)
            {
                Door.Check(Door.door_from_buffer(data, bytes, shape, sizes.Length, (int)stored, &handle));
            }

            return new Tensor(handle, bytes);
        }

        internal static int SizeOf(ScalarType type) => type switch
        {
            ScalarType.Byte or ScalarType.Int8 or ScalarType.Bool => 1,
            ScalarType.Int16 or ScalarType.Float16 or ScalarType.BFloat16 => 2,
            ScalarType.Int32 or ScalarType.Float32 => 4,
            ScalarType.ComplexFloat64 => 16,
            _ => 8,
        };

        internal static ScalarType TypeOf(Type type) => type switch
        {
            _ when type == typeof(byte) => ScalarType.Byte,
            _ when type == typeof(sbyte) => ScalarType.Int8,
            _ when type == typeof(short) => ScalarType.Int16,
            _ when type == typeof(int) => ScalarType.Int32,
            _ when type == typeof(long) => ScalarType.Int64,
            _ when type == typeof(Half) => ScalarType.Float16,
            _ when type == typeof(float) => ScalarType.Float32,
            _ when type == typeof(double) => ScalarType.Float64,
            _ when type == typeof(bool) => ScalarType.Bool,
            _ => throw new ArgumentException($"tensors have no elements of type {type.Name}."),
        };
    }
}
