using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Elementwise comparisons; each gives a tensor of booleans.</summary>
    public partial class Tensor
    {
        private static readonly Operator s_eq = new("eq", "Tensor");
        private static readonly Operator s_eqScalar = new("eq", "Scalar");
        private static readonly Operator s_ne = new("ne", "Tensor");
        private static readonly Operator s_neScalar = new("ne", "Scalar");
        private static readonly Operator s_lt = new("lt", "Tensor");
        private static readonly Operator s_ltScalar = new("lt", "Scalar");
        private static readonly Operator s_le = new("le", "Tensor");
        private static readonly Operator s_leScalar = new("le", "Scalar");
        private static readonly Operator s_gt = new("gt", "Tensor");
        private static readonly Operator s_gtScalar = new("gt", "Scalar");
        private static readonly Operator s_ge = new("ge", "Tensor");
        private static readonly Operator s_geScalar = new("ge", "Scalar");

        public Tensor eq(Tensor target) => s_eq.Call(this, target);

        public Tensor eq(Scalar target) => s_eqScalar.Call(this, target);

        public Tensor ne(Tensor target) => s_ne.Call(this, target);

        public Tensor ne(Scalar target) => s_neScalar.Call(this, target);

        public Tensor lt(Tensor target) => s_lt.Call(this, target);

        public Tensor lt(Scalar target) => s_ltScalar.Call(this, target);

        public Tensor le(Tensor target) => s_le.Call(this, target);

        public Tensor le(Scalar target) => s_leScalar.Call(this, target);

        public Tensor gt(Tensor target) => s_gt.Call(this, target);

        public Tensor gt(Scalar target) => s_gtScalar.Call(this, target);

        public Tensor ge(Tensor target) => s_ge.Call(this, target);

        public Tensor ge(Scalar target) => s_geScalar.Call(this, target);
    }
}
