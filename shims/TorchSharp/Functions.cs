using TorchSharp.Native;

namespace TorchSharp;

/// <summary>Operators in their free-standing form.</summary>
public static partial class torch
{
    private static readonly Operator s_cat = new("cat");
    private static readonly Operator s_stack = new("stack");
    private static readonly Operator s_where = new("where", "self");
    private static readonly Operator s_whereCondition = new("where");
    private static readonly Operator s_tril = new("tril");
    private static readonly Operator s_triu = new("triu");
    private static readonly Operator s_sigmoid = new("sigmoid");
    private static readonly Operator s_tanh = new("tanh");
    private static readonly Operator s_maximum = new("maximum");
    private static readonly Operator s_minimum = new("minimum");
    private static readonly Operator s_einsum = new("einsum");

    public static Tensor all(Tensor input) => input.all();

    public static Tensor all(Tensor input, long dim, bool keepdim = false) => input.all(dim, keepdim);

    public static Tensor any(Tensor input) => input.any();

    public static Tensor any(Tensor input, long dim, bool keepdim = false) => input.any(dim, keepdim);

    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => s_cat.Call(tensors as Tensor[] ?? tensors.ToArray(), dim);

    public static Tensor cat(Tensor[] tensors, long dim = 0) => s_cat.Call(tensors, dim);

    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => s_stack.Call(tensors as Tensor[] ?? tensors.ToArray(), dim);

    public static Tensor where(Tensor condition, Tensor x, Tensor y) => s_where.Call(condition, x, y);

    public static Tensor[] where(Tensor condition) => s_whereCondition.CallMany(condition);

    public static Tensor gather(Tensor input, long dim, Tensor index) => input.gather(dim, index);

    public static Tensor clamp(Tensor input, Scalar min = null, Scalar max = null) => input.clamp(min, max);

    public static Tensor clamp(Tensor input, Tensor min = null, Tensor max = null) => input.clamp(min, max);

    public static Tensor cumsum(Tensor input, long dim, ScalarType? type = null) => input.cumsum(dim, type);

    public static Tensor einsum(string equation, params Tensor[] tensors) => s_einsum.Call(equation, tensors);

    public static Tensor exp(Tensor input) => input.exp();

    public static Tensor log(Tensor input) => input.log();

    public static Tensor isnan(Tensor input) => input.isnan();

    public static Tensor sigmoid(Tensor input) => s_sigmoid.Call(input);

    public static Tensor tanh(Tensor input) => s_tanh.Call(input);

    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

    public static Tensor logsumexp(Tensor input, long dim, bool keepdim = false) => input.logsumexp(dim, keepdim);

    public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);

    public static Tensor maximum(Tensor input, Tensor other) => s_maximum.Call(input, other);

    public static Tensor minimum(Tensor input, Tensor other) => s_minimum.Call(input, other);

    public static Tensor max(Tensor input) => input.max();

    public static Tensor max(Tensor input, Tensor other) => input.max(other);

    public static (Tensor values, Tensor indexes) max(Tensor input, long dim, bool keepdim = false) => input.max(dim, keepdim);

    public static Tensor min(Tensor input) => input.min();

    public static Tensor min(Tensor input, Tensor other) => input.min(other);

    public static (Tensor values, Tensor indexes) min(Tensor input, long dim, bool keepdim = false) => input.min(dim, keepdim);

    public static Tensor multinomial(Tensor input, long num_samples, bool replacement = false, Generator generator = null) =>
        input.multinomial(num_samples, replacement, generator);

    public static (Tensor values, Tensor indices) sort(Tensor input, long dim = -1, bool descending = false, bool stable = false) =>
        input.sort(dim, descending, stable);

    public static (Tensor values, Tensor indices) topk(Tensor tensor, int k, int dim = -1, bool largest = true, bool sorted = true) =>
        tensor.topk(k, dim, largest, sorted);

    public static Tensor tril(Tensor input, long diagonal = 0) => s_tril.Call(input, diagonal);

    public static Tensor triu(Tensor input, long diagonal = 0) => s_triu.Call(input, diagonal);

    public static DisposeScope NewDisposeScope() => new();

    public static int get_num_threads() => Door.door_threads();

    public static void set_num_threads(int num) => Door.Check(Door.door_set_threads(num));
}
