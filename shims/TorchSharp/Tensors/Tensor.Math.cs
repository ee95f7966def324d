using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Elementwise maths and products.</summary>
    public partial class Tensor
    {
        private static readonly Operator s_addTensor = new("add_", "Tensor");
        private static readonly Operator s_addScalar = new("add_", "Scalar");
        private static readonly Operator s_subTensor = new("sub_", "Tensor");
        private static readonly Operator s_subScalar = new("sub_", "Scalar");
        private static readonly Operator s_mulTensor = new("mul_", "Tensor");
        private static readonly Operator s_mulScalar = new("mul_", "Scalar");
        private static readonly Operator s_divTensor = new("div_", "Tensor_mode");
        private static readonly Operator s_divScalar = new("div_", "Scalar_mode");
        private static readonly Operator s_fill = new("fill_", "Scalar");
        private static readonly Operator s_zero = new("zero_");
        private static readonly Operator s_copy = new("copy_");
        private static readonly Operator s_exp = new("exp");
        private static readonly Operator s_log = new("log");
        private static readonly Operator s_sqrt = new("sqrt");
        private static readonly Operator s_isnan = new("isnan");
        private static readonly Operator s_powTensor = new("pow", "Tensor_Tensor");
        private static readonly Operator s_powScalar = new("pow", "Tensor_Scalar");
        private static readonly Operator s_clamp = new("clamp");
        private static readonly Operator s_clampTensor = new("clamp", "Tensor");
        private static readonly Operator s_matmul = new("matmul");
        private static readonly Operator s_bmm = new("bmm");
        private static readonly Operator s_maskedFill = new("masked_fill", "Scalar");
        private static readonly Operator s_cumsum = new("cumsum");

        public Tensor add_(Tensor target) => InPlace(s_addTensor, this, target);

        public Tensor add_(Tensor target, Scalar alpha) => InPlace(s_addTensor, this, target, alpha);

        public Tensor add_(Scalar scalar) => InPlace(s_addScalar, this, scalar);

        public Tensor add_(Scalar scalar, Scalar alpha) => InPlace(s_addScalar, this, scalar, alpha);

        public Tensor sub_(Tensor target) => InPlace(s_subTensor, this, target);

        public Tensor sub_(Scalar target) => InPlace(s_subScalar, this, target);

        public Tensor mul_(Tensor target) => InPlace(s_mulTensor, this, target);

        public Tensor mul_(Scalar target) => InPlace(s_mulScalar, this, target);

        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => InPlace(s_divTensor, this, target, Name(rounding_mode));

        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => InPlace(s_divScalar, this, target, Name(rounding_mode));

        public Tensor fill_(Scalar value) => InPlace(s_fill, this, value);

        public Tensor zero_() => InPlace(s_zero, this);

        public Tensor copy_(Tensor source, bool nonBlocking = false) => InPlace(s_copy, this, source, nonBlocking);

        public Tensor exp() => s_exp.Call(this);

        public Tensor log() => s_log.Call(this);

        public Tensor sqrt() => s_sqrt.Call(this);

        public Tensor isnan() => s_isnan.Call(this);

        public Tensor pow(Tensor exponent) => s_powTensor.Call(this, exponent);

        public Tensor pow(Scalar exponent) => s_powScalar.Call(this, exponent);

        public Tensor clamp(Scalar min = null, Scalar max = null) => s_clamp.Call(this, min, max);

        public Tensor clamp(Tensor min = null, Tensor max = null) => s_clampTensor.Call(this, min, max);

        public Tensor matmul(Tensor target) => s_matmul.Call(this, target);

        public Tensor bmm(Tensor batch2) => s_bmm.Call(this, batch2);

        public Tensor masked_fill(Tensor mask, Scalar value) => s_maskedFill.Call(this, mask, value);

        public Tensor cumsum(long dim, ScalarType? type = null) => s_cumsum.Call(this, dim, type);

        private static string Name(RoundingMode mode) => mode == RoundingMode.None ? null : mode.ToString();

        private Tensor InPlace(Operator op, params ReadOnlySpan<Argument> arguments)
        {
            op.CallInPlace(arguments);
            return this;
        }
    }
}
