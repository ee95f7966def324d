using TorchSharp.Native;

namespace TorchSharp;

/// <summary>Tensors from .NET values; the values are copied.</summary>
public static partial class torch
{
    public static Tensor tensor(bool scalar, ScalarType? dtype = null, Device device = null, bool requires_grad = false) =>
        Given<bool>([scalar], [], dtype, device, requires_grad);

    public static Tensor tensor(byte scalar, Device device = null, bool requires_grad = false) =>
        Given<byte>([scalar], [], null, device, requires_grad);

    public static Tensor tensor(double scalar, ScalarType? dtype = null, Device device = null, bool requires_grad = false) =>
        Given<double>([scalar], [], dtype, device, requires_grad);

    public static Tensor tensor(float scalar, Device device = null, bool requires_grad = false) =>
        Given<float>([scalar], [], null, device, requires_grad);

    public static Tensor tensor(int scalar, Device device = null, bool requires_grad = false) =>
        Given<int>([scalar], [], null, device, requires_grad);

    public static Tensor tensor(long scalar, ScalarType? dtype = null, Device device = null, bool requires_grad = false) =>
        Given<long>([scalar], [], dtype, device, requires_grad);

    public static Tensor tensor(bool[] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<bool>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<bool> rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<bool>(rawArray.ToArray(), [rawArray.Count], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<bool> rawArray, long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<bool>(rawArray.ToArray(), [rows, columns], dtype, device, requires_grad, names);

    public static Tensor tensor(bool[,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(bool[,,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(byte[] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<byte>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<byte> rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<byte>(rawArray.ToArray(), [rawArray.Count], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<byte> rawArray, long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<byte>(rawArray.ToArray(), [rows, columns], dtype, device, requires_grad, names);

    public static Tensor tensor(byte[,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(byte[,,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(double[] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<double>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<double> rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<double>(rawArray.ToArray(), [rawArray.Count], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<double> rawArray, long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<double>(rawArray.ToArray(), [rows, columns], dtype, device, requires_grad, names);

    public static Tensor tensor(double[,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(double[,,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(float[] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<float>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<float> rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<float>(rawArray.ToArray(), [rawArray.Count], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<float> rawArray, long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<float>(rawArray.ToArray(), [rows, columns], dtype, device, requires_grad, names);

    public static Tensor tensor(float[,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(float[,,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(int[] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<int>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<int> rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<int>(rawArray.ToArray(), [rawArray.Count], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<int> rawArray, long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<int>(rawArray.ToArray(), [rows, columns], dtype, device, requires_grad, names);

    public static Tensor tensor(int[,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(int[,,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(long[] dataArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<long>(dataArray, [dataArray.Length], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<long> rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<long>(rawArray.ToArray(), [rawArray.Count], dtype, device, requires_grad, names);

    public static Tensor tensor(IList<long> rawArray, long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Given<long>(rawArray.ToArray(), [rows, columns], dtype, device, requires_grad, names);

    public static Tensor tensor(long[,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(long[,,] rawArray, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor from_array(Array rawArray, Device device = null) => from_array(rawArray, null, device);

    public static Tensor from_array(Array rawArray, ScalarType? dtype, Device device = null, bool requires_grad = false, string[] names = null)
    {
        var sizes = new long[rawArray.Rank];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = rawArray.GetLongLength(i);
        }

        return rawArray.GetType().GetElementType() switch
        {
            Type t when t == typeof(float) => Given(Flat<float>(rawArray), sizes, dtype, device, requires_grad, names),
            Type t when t == typeof(double) => Given(Flat<double>(rawArray), sizes, dtype, device, requires_grad, names),
            Type t when t == typeof(long) => Given(Flat<long>(rawArray), sizes, dtype, device, requires_grad, names),
            Type t when t == typeof(int) => Given(Flat<int>(rawArray), sizes, dtype, device, requires_grad, names),
            Type t when t == typeof(byte) => Given(Flat<byte>(rawArray), sizes, dtype, device, requires_grad, names),
            Type t when t == typeof(bool) => Given(Flat<bool>(rawArray), sizes, dtype, device, requires_grad, names),
            Type t => throw new NotSupportedException($"from_array takes float, double, long, int, byte and bool elements; these are {t}."),
            _ => throw new ArgumentException("from_array was given an array without an element type.", nameof(rawArray)),
        };
    }

    private static unsafe ReadOnlySpan<T> Flat<T>(Array array) where T : unmanaged =>
        System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpan(
            ref System.Runtime.CompilerServices.Unsafe.As<byte, T>(ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(array)), array.Length);

    private static Tensor Given<T>(
        ReadOnlySpan<T> values, ReadOnlySpan<long> sizes, ScalarType? dtype, Device device, bool requires_grad, string[] names = null) where T : unmanaged
    {
        Tensor tensor = Tensor.FromSpan(values, sizes, Tensor.TypeOf(typeof(T)));
        if (dtype is { } type && type != tensor.dtype)
        {
            tensor = tensor.to(type, disposeAfter: true);
        }

        if (device is { type: not DeviceType.CPU })
        {
            tensor = tensor.to(device, disposeAfter: true);
        }

        return Finish(tensor, requires_grad, names);
    }
}
