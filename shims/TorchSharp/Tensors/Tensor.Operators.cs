using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>The arithmetic operators of C#.</summary>
    public partial class Tensor
    {
        private static readonly Operator s_plus = new("add", "Tensor");
        private static readonly Operator s_plusScalar = new("add", "Scalar");
        private static readonly Operator s_minus = new("sub", "Tensor");
        private static readonly Operator s_minusScalar = new("sub", "Scalar");
        private static readonly Operator s_reverseMinus = new("rsub", "Scalar");
        private static readonly Operator s_times = new("mul", "Tensor");
        private static readonly Operator s_timesScalar = new("mul", "Scalar");
        private static readonly Operator s_over = new("div", "Tensor");
        private static readonly Operator s_overScalar = new("div", "Scalar");
        private static readonly Operator s_reciprocal = new("reciprocal");
        private static readonly Operator s_remainder = new("remainder", "Scalar");
        private static readonly Operator s_negative = new("neg");
        private static readonly Operator s_and = new("bitwise_and", "Tensor");
        private static readonly Operator s_or = new("bitwise_or", "Tensor");
        private static readonly Operator s_not = new("bitwise_not");

        public static Tensor operator +(Tensor left, Tensor right) => s_plus.Call(left, right);

        public static Tensor operator +(Tensor left, Scalar right) => s_plusScalar.Call(left, right);

        public static Tensor operator +(Scalar left, Tensor right) => s_plusScalar.Call(right, left);

        public static Tensor operator +(Tensor left, int right) => left + (Scalar)right;

        public static Tensor operator +(Tensor left, long right) => left + (Scalar)right;

        public static Tensor operator +(Tensor left, float right) => left + (Scalar)right;

        public static Tensor operator +(Tensor left, double right) => left + (Scalar)right;

        public static Tensor operator +(int left, Tensor right) => right + (Scalar)left;

        public static Tensor operator +(long left, Tensor right) => right + (Scalar)left;

        public static Tensor operator +(float left, Tensor right) => right + (Scalar)left;

        public static Tensor operator +(double left, Tensor right) => right + (Scalar)left;

        public static Tensor operator *(Tensor left, Tensor right) => s_times.Call(left, right);

        public static Tensor operator *(Tensor left, Scalar right) => s_timesScalar.Call(left, right);

        public static Tensor operator *(Scalar left, Tensor right) => s_timesScalar.Call(right, left);

        public static Tensor operator *(Tensor left, int right) => left * (Scalar)right;

        public static Tensor operator *(Tensor left, long right) => left * (Scalar)right;

        public static Tensor operator *(Tensor left, float right) => left * (Scalar)right;

        public static Tensor operator *(Tensor left, double right) => left * (Scalar)right;

        public static Tensor operator *(int left, Tensor right) => right * (Scalar)left;

        public static Tensor operator *(long left, Tensor right) => right * (Scalar)left;

        public static Tensor operator *(float left, Tensor right) => right * (Scalar)left;

        public static Tensor operator *(double left, Tensor right) => right * (Scalar)left;

        public static Tensor operator -(Tensor left, Tensor right) => s_minus.Call(left, right);

        public static Tensor operator -(Tensor left, Scalar right) => s_minusScalar.Call(left, right);

        public static Tensor operator -(Scalar left, Tensor right) => s_reverseMinus.Call(right, left);

        public static Tensor operator -(Tensor left, int right) => left - (Scalar)right;

        public static Tensor operator -(Tensor left, long right) => left - (Scalar)right;

        public static Tensor operator -(Tensor left, float right) => left - (Scalar)right;

        public static Tensor operator -(Tensor left, double right) => left - (Scalar)right;

        public static Tensor operator -(int left, Tensor right) => (Scalar)left - right;

        public static Tensor operator -(long left, Tensor right) => (Scalar)left - right;

        public static Tensor operator -(float left, Tensor right) => (Scalar)left - right;

        public static Tensor operator -(double left, Tensor right) => (Scalar)left - right;

        public static Tensor operator -(Tensor tensor) => s_negative.Call(tensor);

        public static Tensor operator /(Tensor left, Tensor right) => s_over.Call(left, right);

        public static Tensor operator /(Tensor left, Scalar right) => s_overScalar.Call(left, right);

        public static Tensor operator /(Scalar left, Tensor right)
        {
            using Tensor inverse = s_reciprocal.Call(right);
            return inverse * left;
        }

        public static Tensor operator /(Tensor left, int right) => left / (Scalar)right;

        public static Tensor operator /(Tensor left, long right) => left / (Scalar)right;

        public static Tensor operator /(Tensor left, float right) => left / (Scalar)right;

        public static Tensor operator /(Tensor left, double right) => left / (Scalar)right;

        public static Tensor operator /(int left, Tensor right) => (Scalar)left / right;

        public static Tensor operator /(long left, Tensor right) => (Scalar)left / right;

        public static Tensor operator /(float left, Tensor right) => (Scalar)left / right;

        public static Tensor operator /(double left, Tensor right) => (Scalar)left / right;

        public static Tensor operator %(Tensor left, Scalar right) => s_remainder.Call(left, right);

        public static Tensor operator &(Tensor left, Tensor right) => s_and.Call(left, right);

        public static Tensor operator |(Tensor left, Tensor right) => s_or.Call(left, right);

        public static Tensor operator ~(Tensor left) => s_not.Call(left);
    }
}
