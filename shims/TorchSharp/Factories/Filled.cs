using TorchSharp.Native;

namespace TorchSharp;

/// <summary>Tensors filled with one value or with random ones.</summary>
public static partial class torch
{
    private static readonly Operator s_empty = new("empty", "memory_format");
    private static readonly Operator s_zeros = new("zeros");
    private static readonly Operator s_ones = new("ones");
    private static readonly Operator s_full = new("full");
    private static readonly Operator s_rand = new("rand", "generator");
    private static readonly Operator s_randn = new("randn", "generator");

    public static Tensor empty(long[] size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_empty, size, dtype, device, requires_grad, names);

    public static Tensor empty(long size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_empty, [size], dtype, device, requires_grad, names);

    public static Tensor empty(long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_empty, [rows, columns], dtype, device, requires_grad, names);

    public static Tensor empty(int size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_empty, [size], dtype, device, requires_grad, names);

    public static Tensor empty(int rows, int columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_empty, [rows, columns], dtype, device, requires_grad, names);

    public static Tensor zeros(long[] size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_zeros, size, dtype, device, requires_grad, names);

    public static Tensor zeros(long size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_zeros, [size], dtype, device, requires_grad, names);

    public static Tensor zeros(long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_zeros, [rows, columns], dtype, device, requires_grad, names);

    public static Tensor zeros(int size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_zeros, [size], dtype, device, requires_grad, names);

    public static Tensor zeros(int rows, int columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_zeros, [rows, columns], dtype, device, requires_grad, names);

    public static Tensor ones(long[] size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_ones, size, dtype, device, requires_grad, names);

    public static Tensor ones(long size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_ones, [size], dtype, device, requires_grad, names);

    public static Tensor ones(long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_ones, [rows, columns], dtype, device, requires_grad, names);

    public static Tensor ones(int size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_ones, [size], dtype, device, requires_grad, names);

    public static Tensor ones(int rows, int columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_ones, [rows, columns], dtype, device, requires_grad, names);

    public static Tensor full(long[] size, Scalar value, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_full, size, value, dtype, device, requires_grad, names);

    public static Tensor full(long size, Scalar value, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_full, [size], value, dtype, device, requires_grad, names);

    public static Tensor full(long rows, long columns, Scalar value, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_full, [rows, columns], value, dtype, device, requires_grad, names);

    public static Tensor full(int size, Scalar value, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_full, [size], value, dtype, device, requires_grad, names);

    public static Tensor full(int rows, int columns, Scalar value, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Make(s_full, [rows, columns], value, dtype, device, requires_grad, names);

    public static Tensor rand(long[] size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_rand, size, generator, dtype, device, requires_grad, names);

    public static Tensor rand(long size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_rand, [size], generator, dtype, device, requires_grad, names);

    public static Tensor rand(long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_rand, [rows, columns], generator, dtype, device, requires_grad, names);

    public static Tensor rand(int size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_rand, [size], generator, dtype, device, requires_grad, names);

    public static Tensor rand(int rows, int columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_rand, [rows, columns], generator, dtype, device, requires_grad, names);

    public static Tensor randn(long[] size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_randn, size, generator, dtype, device, requires_grad, names);

    public static Tensor randn(long size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_randn, [size], generator, dtype, device, requires_grad, names);

    public static Tensor randn(long rows, long columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_randn, [rows, columns], generator, dtype, device, requires_grad, names);

    public static Tensor randn(int size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_randn, [size], generator, dtype, device, requires_grad, names);

    public static Tensor randn(int rows, int columns, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Make(s_randn, [rows, columns], generator, dtype, device, requires_grad, names);

    private static Tensor Make(Operator op, long[] size, ScalarType? dtype, Device device, bool requires_grad, string[] names) =>
        Finish(op.Call(size, dtype ?? s_default, Argument.Nothing, device), requires_grad, names);

    private static Tensor Make(Operator op, long[] size, Scalar value, ScalarType? dtype, Device device, bool requires_grad, string[] names) =>
        Finish(op.Call(size, value, dtype ?? (value.Kind == Scalar.Form.Real ? s_default : null), Argument.Nothing, device), requires_grad, names);

    private static Tensor Make(Operator op, long[] size, Generator generator, ScalarType? dtype, Device device, bool requires_grad, string[] names) =>
        Finish(op.Call(size, generator, dtype ?? s_default, Argument.Nothing, device), requires_grad, names);

    private static Tensor Finish(Tensor tensor, bool requires_grad, string[] names)
    {
        if (names is not null)
        {
            throw new NotSupportedException("named dimensions are not supported; leave names null.");
        }

        return requires_grad ? tensor.requires_grad_() : tensor;
    }
}
