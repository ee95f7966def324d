using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>Operator: layer norm (Ba et al. 2016), (s - mean) / √(variance + ε) · weight + shift, s = factor·x + skip + bias.</summary>
/// <remarks>
/// Inputs: x [N,K], skip [N,K], weight [K], shift [K], and optionally bias [K] and a factor per row [N], left over from an int8 product.
/// Outputs: [N,K], or bytes [N,K] and scales [N]; and optionally s [N,K]. Attributes: epsilon; sum, 1 if s is an output; bias, 1 if
/// there is a bias (otherwise that input repeats shift and is not read).
/// </remarks>
/// <param name="epsilon">ε.</param>
/// <param name="sum">Whether s is an output.</param>
/// <param name="biased">Whether a bias is given.</param>
/// <param name="quantizer">Quantizes the rows; null keeps floats.</param>
internal sealed unsafe class NormalizeRows(float epsilon, bool sum, bool biased, RowQuantizer? quantizer) : IKernel
{
    /// <summary>The operator with float output.</summary>
    public static readonly OperatorDefinition Operator = new(
        "NormalizeRows",
        Inputs,
        [ElementType.Float, ElementType.Float],
        attributes => Create(attributes, null));

    /// <summary>The operator with quantized output. It also has the quantizer's attributes.</summary>
    public static readonly OperatorDefinition ToBytes = new(
        "NormalizeQuantizeRows",
        Inputs,
        [ElementType.UnsignedByte, ElementType.Float, ElementType.Float],
        attributes => Create(attributes, RowQuantizer.Of(attributes)));

    private static IReadOnlyList<OperatorInput> Inputs => [.. Enumerable.Repeat(new OperatorInput(ElementType.Float), 5), new(ElementType.Float, Optional: true)];

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* x = call.Matrix<float>(0, out int rows, out int columns);
        var work = new Work
        {
            X = x, Skip = call.Input<float>(1, (long)rows * columns), Weight = call.Input<float>(2, columns), Shift = call.Input<float>(3, columns),
            Bias = biased ? call.Input<float>(4, columns) : null, Factors = call.OptionalInput<float>(5, rows),
            Result = RowResult.Of(call, rows, columns, quantizer), Sum = sum ? call.OutputLike<float>(quantizer is null ? 1 : 2, 0) : null,
            Columns = columns, Epsilon = epsilon,
        };
        call.For(rows, &Row, &work);
    }

    private static NormalizeRows Create(NodeAttributes attributes, RowQuantizer? quantizer) =>
        new(attributes.Float("epsilon\0"u8), attributes.Integer("sum\0"u8) != 0, attributes.Integer("bias\0"u8) != 0, quantizer);

    [UnmanagedCallersOnly]
    private static void Row(void* state, nuint index)
    {
        var work = (Work*)state;
        int columns = work->Columns;
        long start = (long)index * columns;
        ReadOnlySpan<float> Part(float* values, long from) => new(values + from, columns);
        float* scratch = stackalloc float[work->Result.ScratchLength(columns)];
        float* output = work->Result.Row(index, columns, scratch);
        var normal = new Span<float>(output, columns);
        var sum = work->Sum is null ? normal : new Span<float>(work->Sum + start, columns);
        TensorPrimitives.MultiplyAdd(Part(work->X, start), work->Factors is null ? 1 : work->Factors[index], Part(work->Skip, start), sum);
        if (work->Bias is not null)
        {
            TensorPrimitives.Add(sum, Part(work->Bias, 0), sum);
        }

        TensorPrimitives.Subtract(sum, TensorPrimitives.Sum<float>(sum) / columns, normal);
        float variance = TensorPrimitives.SumOfSquares<float>(normal) / columns;
        TensorPrimitives.Multiply(normal, 1 / MathF.Sqrt(variance + work->Epsilon), normal);
        TensorPrimitives.MultiplyAdd(normal, Part(work->Weight, 0), Part(work->Shift, 0), normal);
        work->Result.End(index, columns, output);
    }

    private struct Work
    {
        public float* X, Skip, Weight, Shift, Bias, Factors, Sum;
        public RowResult Result;
        public int Columns;
        public float Epsilon;
    }
}
