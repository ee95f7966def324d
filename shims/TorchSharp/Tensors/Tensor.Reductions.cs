using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Reductions, sorting, normalisation over a dimension and comparisons.</summary>
    public partial class Tensor
    {
        private static readonly Operator s_sum = new("sum");
        private static readonly Operator s_sumDims = new("sum", "dim_IntList");
        private static readonly Operator s_mean = new("mean");
        private static readonly Operator s_meanDims = new("mean", "dim");
        private static readonly Operator s_max = new("max");
        private static readonly Operator s_maxOther = new("max", "other");
        private static readonly Operator s_maxDim = new("max", "dim");
        private static readonly Operator s_min = new("min");
        private static readonly Operator s_minOther = new("min", "other");
        private static readonly Operator s_minDim = new("min", "dim");
        private static readonly Operator s_argmax = new("argmax");
        private static readonly Operator s_all = new("all");
        private static readonly Operator s_allDim = new("all", "dim");
        private static readonly Operator s_any = new("any");
        private static readonly Operator s_anyDim = new("any", "dim");
        private static readonly Operator s_norm = new("norm", "Scalar");
        private static readonly Operator s_normDims = new("norm", "ScalarOpt_dim");
        private static readonly Operator s_var = new("var");
        private static readonly Operator s_varDims = new("var", "dim");
        private static readonly Operator s_std = new("std");
        private static readonly Operator s_stdDims = new("std", "dim");
        private static readonly Operator s_softmax = new("softmax", "int");
        private static readonly Operator s_logSoftmax = new("log_softmax", "int");
        private static readonly Operator s_logsumexp = new("logsumexp");
        private static readonly Operator s_sort = new("sort", "stable");
        private static readonly Operator s_topk = new("topk");

        public Tensor sum(ScalarType? type = null) => s_sum.Call(this, type);

        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => s_sumDims.Call(this, dim, keepdim, type);

        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);

        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) => sum([dim0, dim1], keepdim, type);

        public Tensor mean() => s_mean.Call(this, Argument.Nothing);

        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => s_meanDims.Call(this, dimensions, keepdim, type);

        public Tensor max() => s_max.Call(this);

        public Tensor max(Tensor other) => s_maxOther.Call(this, other);

        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => s_maxDim.CallPair(this, dim, keepdim);

        public Tensor min() => s_min.Call(this);

        public Tensor min(Tensor other) => s_minOther.Call(this, other);

        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => s_minDim.CallPair(this, dim, keepdim);

        public Tensor argmax() => s_argmax.Call(this);

        public Tensor argmax(long dim, bool keepdim = false) => s_argmax.Call(this, dim, keepdim);

        public Tensor all() => s_all.Call(this);

        public Tensor all(long dim, bool keepdim = false) => s_allDim.Call(this, dim, keepdim);

        public Tensor any() => s_any.Call(this);

        public Tensor any(long dim, bool keepdim = false) => s_anyDim.Call(this, dim, keepdim);

        public Tensor norm(float p = 2.0f) => s_norm.Call(this, (double)p);

        public Tensor norm(int dim, bool keepdim = false, float p = 2.0f) => s_normDims.Call(this, (double)p, new long[] { dim }, keepdim);

        public Tensor var(bool unbiased = true) => s_var.Call(this, unbiased);

        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            Typed(s_varDims.Call(this, dimensions, unbiased, keepdim), type);

        public Tensor std(bool unbiased = true) => s_std.Call(this, unbiased);

        public Tensor std(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            Typed(s_stdDims.Call(this, dimensions, unbiased, keepdim), type);

        public Tensor softmax(long dim, ScalarType? dtype = null) => s_softmax.Call(this, dim, dtype);

        public Tensor log_softmax(long dim, ScalarType? dtype = null) => s_logSoftmax.Call(this, dim, dtype);

        public Tensor logsumexp(long dim, bool keepdim = false) => s_logsumexp.Call(this, new[] { dim }, keepdim);

        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) =>
            s_sort.CallPair(this, stable, dim, descending);

        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) =>
            s_topk.CallPair(this, k, dim, largest, sorted);

        private static Tensor Typed(Tensor tensor, ScalarType? type) => type is { } wanted ? tensor.to(wanted, disposeAfter: true) : tensor;
    }
}
