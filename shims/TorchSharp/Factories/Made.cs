using TorchSharp.Native;

namespace TorchSharp;

/// <summary>Ranges, random integers and tensors shaped like others.</summary>
public static partial class torch
{
    private static readonly Operator s_arange = new("arange", "start_step");
    private static readonly Operator s_randint = new("randint", "low_generator");
    private static readonly Operator s_zerosLike = new("zeros_like");
    private static readonly Operator s_onesLike = new("ones_like");
    private static readonly Operator s_fullLike = new("full_like");

    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device device = null, bool requires_grad = false)
    {
        bool whole = start.Kind != Scalar.Form.Real && stop.Kind != Scalar.Form.Real && step.Kind != Scalar.Form.Real;
        return Finish(s_arange.Call(start, stop, step, dtype ?? (whole ? ScalarType.Int64 : s_default), Argument.Nothing, device), requires_grad, null);
    }

    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device device = null, bool requires_grad = false) =>
        arange(start, stop, 1, dtype, device, requires_grad);

    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device device = null, bool requires_grad = false) =>
        arange(0, stop, 1, dtype, device, requires_grad);

    public static Tensor randint(long low, long high, long[] size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        Finish(s_randint.Call(low, high, size, generator, dtype ?? ScalarType.Int64, Argument.Nothing, device), requires_grad, names);

    public static Tensor randint(long high, long[] size, ScalarType? dtype = null, Device device = null, bool requires_grad = false, Generator generator = null, string[] names = null) =>
        randint(0, high, size, dtype, device, requires_grad, generator, names);

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Finish(s_zerosLike.Call(input, dtype, Argument.Nothing, device), requires_grad, names);

    public static Tensor ones_like(Tensor input, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Finish(s_onesLike.Call(input, dtype, Argument.Nothing, device), requires_grad, names);

    public static Tensor full_like(Tensor input, Scalar value, ScalarType? dtype = null, Device device = null, bool requires_grad = false, string[] names = null) =>
        Finish(s_fullLike.Call(input, value, dtype, Argument.Nothing, device), requires_grad, names);
}
