using TorchSharp.Native;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>ATen's operators over whole lists of tensors: one call through the door for all parameters of a group.</summary>
internal static class Foreach
{
    private static readonly Operator s_mul = new("_foreach_mul_", "Scalar");
    private static readonly Operator s_add = new("_foreach_add_", "List");
    private static readonly Operator s_addScalar = new("_foreach_add_", "Scalar");
    private static readonly Operator s_addcmul = new("_foreach_addcmul_", "Scalar");
    private static readonly Operator s_addcdiv = new("_foreach_addcdiv_", "Scalar");
    private static readonly Operator s_div = new("_foreach_div_", "Scalar");
    private static readonly Operator s_sqrt = new("_foreach_sqrt");
    private static readonly Operator s_neg = new("_foreach_neg");
    private static readonly Operator s_norm = new("_foreach_norm", "Scalar");

    public static void Mul(Tensor[] targets, double factor) => s_mul.CallInPlace(targets, factor);

    public static void Add(Tensor[] targets, Tensor[] others, double alpha = 1) => s_add.CallInPlace(targets, others, alpha);

    public static void Add(Tensor[] targets, double summand) => s_addScalar.CallInPlace(targets, summand);

    /// <summary>targets += value · a · b</summary>
    public static void AddCMul(Tensor[] targets, Tensor[] a, Tensor[] b, double value) => s_addcmul.CallInPlace(targets, a, b, value);

    /// <summary>targets += value · a / b</summary>
    public static void AddCDiv(Tensor[] targets, Tensor[] a, Tensor[] b, double value) => s_addcdiv.CallInPlace(targets, a, b, value);

    public static void Div(Tensor[] targets, double divisor) => s_div.CallInPlace(targets, divisor);

    public static Tensor[] Sqrt(Tensor[] sources) => s_sqrt.CallMany((Argument)sources);

    public static Tensor[] Neg(Tensor[] sources) => s_neg.CallMany((Argument)sources);

    public static Tensor[] Norm(Tensor[] sources, double order) => s_norm.CallMany(sources, order);
}
