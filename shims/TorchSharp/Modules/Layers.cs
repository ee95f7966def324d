using TorchSharp.Native;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Modules
{
    /// <summary>x Wᵀ + b.</summary>
    public sealed class Linear : Module<Tensor, Tensor>
    {
        internal Linear(Parameter weight, Parameter bias)
            : base(nameof(Linear))
        {
            this.weight = weight;
            this.bias = bias;
            register_parameter(nameof(weight), weight);
            register_parameter(nameof(bias), bias);
        }

        public Parameter weight { get; }

        public Parameter bias { get; }

        public override Tensor forward(Tensor tensor) => functional.linear(tensor, weight, bias);
    }

    /// <summary>A table of vectors looked up by id.</summary>
    public sealed class Embedding : Module<Tensor, Tensor>
    {
        private static readonly Operator s_embedding = new("embedding");
        private readonly long _padding;

        internal Embedding(Parameter weight, long padding)
            : base(nameof(Embedding))
        {
            this.weight = weight;
            _padding = padding;
            register_parameter(nameof(weight), weight);
        }

        public Parameter weight { get; }

        public override Tensor forward(Tensor input) => s_embedding.Call(weight, input, _padding);
    }

    /// <summary>Layer normalisation with a learned scale and shift.</summary>
    public sealed class LayerNorm : Module<Tensor, Tensor>
    {
        private readonly long[] _shape;
        private readonly double _epsilon;

        internal LayerNorm(long[] shape, double epsilon, Parameter weight, Parameter bias)
            : base(nameof(LayerNorm))
        {
            _shape = shape;
            _epsilon = epsilon;
            this.weight = weight;
            this.bias = bias;
            register_parameter(nameof(weight), weight);
            register_parameter(nameof(bias), bias);
        }

        public Parameter weight { get; }

        public Parameter bias { get; }

        public override Tensor forward(Tensor tensor) => functional.layer_norm(tensor, _shape, weight, bias, _epsilon);
    }

    /// <summary>Gaussian error linear unit.</summary>
    public sealed class GELU : Module<Tensor, Tensor>
    {
        private readonly Approximate _approximate;

        internal GELU(Approximate approximate)
            : base(nameof(GELU)) => _approximate = approximate;

        public enum Approximate
        {
            none,
            tanh,
        }

        public override Tensor forward(Tensor tensor) => functional.gelu(tensor, _approximate);
    }
}

namespace TorchSharp
{
    using TorchSharp.Modules;

    /// <summary>Makers of layers.</summary>
    public static partial class torch
    {
        public static partial class nn
        {
            public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device device = null, ScalarType? dtype = null)
            {
                // PyTorch's initial values: uniform within 1/sqrt(fan in), for the weight by way of Kaiming with a = sqrt(5).
                double bound = 1 / Math.Sqrt(inputSize);
                return new Linear(Uniform([outputSize, inputSize], bound, device, dtype), hasBias ? Uniform([outputSize], bound, device, dtype) : null);
            }

            public static Linear Linear(Parameter weight, Parameter bias = null) => new(weight, bias);

            public static Embedding Embedding(long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null, double norm_type = 2, bool scale_grad_by_freq = false, bool sparse = false, Device device = null, ScalarType? dtype = null)
            {
                if (max_norm is not null || scale_grad_by_freq || sparse)
                {
                    throw new NotSupportedException("Embedding takes neither max_norm nor scale_grad_by_freq nor sparse; leave them at their defaults.");
                }

                Tensor table = randn(num_embeddings, embedding_dims, dtype, device);
                if (padding_idx is { } row)
                {
                    using Tensor zeroed = table[row];
                    zeroed.zero_();
                }

                return new Embedding(new Parameter(table), padding_idx ?? -1);
            }

            public static LayerNorm LayerNorm(long[] normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device device = null, ScalarType? dtype = null) => new(
                normalized_shape,
                eps,
                elementwise_affine ? new Parameter(ones(normalized_shape, dtype, device)) : null,
                elementwise_affine && bias ? new Parameter(zeros(normalized_shape, dtype, device)) : null);

            public static LayerNorm LayerNorm(long normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device device = null, ScalarType? dtype = null) =>
                LayerNorm([normalized_shape], eps, elementwise_affine, bias, device, dtype);

            public static GELU GELU() => new(Modules.GELU.Approximate.none);

            public static GELU GELU(GELU.Approximate approximate, bool inplace = false) =>
                inplace ? throw new NotSupportedException("GELU(inplace: true) is not offered; leave inplace false.") : new GELU(approximate);

            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);

            private static Parameter Uniform(long[] size, double bound, Device device, ScalarType? dtype)
            {
                Tensor values = rand(size, dtype, device);
                return new Parameter(values.mul_(2 * bound).sub_(bound));
            }
        }
    }
}
