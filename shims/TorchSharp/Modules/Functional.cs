using TorchSharp.Modules;
using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Building blocks of networks.</summary>
    public static partial class nn
    {
        /// <summary>What becomes of a loss's per-row values.</summary>
        public enum Reduction : long
        {
            None = 0,
            Mean = 1,
            Sum = 2,
        }

        /// <summary>Network operators without state of their own.</summary>
        public static class functional
        {
            private static readonly Operator s_linear = new("linear");
            private static readonly Operator s_layerNorm = new("layer_norm");
            private static readonly Operator s_gelu = new("gelu");
            private static readonly Operator s_dropout = new("dropout");
            private static readonly Operator s_relu = new("relu");
            private static readonly Operator s_logSigmoid = new("log_sigmoid");
            private static readonly Operator s_crossEntropy = new("cross_entropy_loss");
            private static readonly Operator s_binary = new("binary_cross_entropy_with_logits");
            private static readonly Operator s_klDiv = new("kl_div");
            private static readonly Operator s_mse = new("mse_loss");
            private static readonly Operator s_smoothL1 = new("smooth_l1_loss");
            private static readonly Operator s_oneHot = new("one_hot");
            private static readonly Operator s_pad = new("constant_pad_nd");

            public static Tensor linear(Tensor input, Tensor weights, Tensor bias = null) => s_linear.Call(input, weights, bias);

            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor weight = null, Tensor bias = null, double eps = 1e-05) =>
                s_layerNorm.Call(input, normalized_shape, weight, bias, eps);

            public static Tensor gelu(Tensor x) => s_gelu.Call(x);

            public static Tensor gelu(Tensor x, GELU.Approximate approximate, bool inplace = false)
            {
                Refuse(inplace, nameof(gelu));
                return s_gelu.Call(x, approximate.ToString());
            }

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false)
            {
                Refuse(inplace, nameof(dropout));
                return s_dropout.Call(input, p, training);
            }

            public static Tensor relu(Tensor x, bool inplace = false)
            {
                Refuse(inplace, nameof(relu));
                return s_relu.Call(x);
            }

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

            public static Tensor logsigmoid(Tensor x) => s_logSigmoid.Call(x);

            public static Tensor cross_entropy(Tensor input, Tensor target, Tensor weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean, double label_smoothing = 0) =>
                s_crossEntropy.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);

            public static Tensor binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor weight = null, Reduction reduction = Reduction.Mean, Tensor pos_weights = null) =>
                s_binary.Call(input, target, weight, pos_weights, (long)reduction);

            public static Tensor kl_div(Tensor input, Tensor target, bool log_target = true, Reduction reduction = Reduction.Mean) =>
                s_klDiv.Call(input, target, (long)reduction, log_target);

            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => s_mse.Call(input, target, (long)reduction);

            public static Tensor smooth_l1_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean, double beta = 1) =>
                s_smoothL1.Call(input, target, (long)reduction, beta);

            public static Tensor one_hot(Tensor x, long num_classes = -1) => s_oneHot.Call(x, num_classes);

            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0) => mode == PaddingModes.Constant
                ? s_pad.Call(input, pad, (Scalar)value)
                : throw new NotSupportedException($"pad knows the mode Constant only; given was {mode}.");

            private static void Refuse(bool inplace, string name)
            {
                if (inplace)
                {
                    throw new NotSupportedException($"{name}(inplace: true) is not offered; leave inplace false.");
                }
            }
        }
    }
}
