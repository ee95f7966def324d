using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Gradient clipping and flattening.</summary>
        public static class utils
        {
            /// <summary>Scales all gradients so that their common norm is at most <paramref name="max_norm"/>; returns the norm before.</summary>
            public static double clip_grad_norm_(IEnumerable<Parameter> tensors, double max_norm, double norm_type = 2)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable off = no_grad();
                Tensor[] grads = tensors.Select(t => t.grad).Where(g => g is not null).ToArray();
                if (grads.Length == 0)
                {
                    return 0;
                }

                double total = stack(Foreach.Norm(grads, norm_type)).norm((float)norm_type).to(ScalarType.Float64).item<double>();
                double factor = max_norm / (total + 1e-6);
                if (factor < 1)
                {
                    Foreach.Mul(grads, factor);
                }

                return total;
            }

            public static void clip_grad_value_(IEnumerable<Parameter> tensors, double clip_value)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable off = no_grad();
                foreach (Tensor grad in tensors.Select(t => t.grad).Where(g => g is not null))
                {
                    grad.copy_(grad.clamp((Scalar)(-clip_value), clip_value));
                }
            }

            public static Tensor parameters_to_vector(IEnumerable<Parameter> tensors) => cat(tensors.Select(t => t.view(-1)).ToArray());
        }

        /// <summary>Initial values.</summary>
        public static class init
        {
            private static readonly Native.Operator s_normal = new("normal_");

            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator generator = null)
            {
                using IDisposable off = no_grad();
                s_normal.CallInPlace(tensor, mean, std, generator);
                return tensor;
            }

            public static Tensor constant_(Tensor tensor, Scalar val)
            {
                using IDisposable off = no_grad();
                return tensor.fill_(val);
            }

            public static Tensor zeros_(Tensor tensor) => constant_(tensor, 0);

            public static Tensor ones_(Tensor tensor) => constant_(tensor, 1);
        }
    }
}
