using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>Operator: RMS normalization (arXiv:1910.07467), s / √(mean s² + ε) · weight, s = factor·x + skip.</summary>
/// <remarks>
/// Inputs: x [N,K], skip [N,K], weight [K], and optionally a factor per row [N], left over from an int8 product. Outputs: [N,K], or bytes
/// [N,K] and scales [N]; and optionally s [N,K]. Attributes: epsilon; sum, 1 if s is an output.
/// </remarks>
/// <param name="epsilon">ε.</param>
/// <param name="sum">Whether s is an output.</param>
/// <param name="quantizer">Quantizes the rows; null keeps floats.</param>
internal sealed unsafe class RmsNormalizeRows(float epsilon, bool sum, RowQuantizer? quantizer) : IKernel
{
    /// <summary>The operator with float output.</summary>
    public static readonly OperatorDefinition Operator = new(
        "RmsNormalizeRows",
        Inputs,
        [ElementType.Float, ElementType.Float],
        attributes => Create(attributes, null));

    /// <summary>The operator with quantized output. It also has the quantizer's attributes.</summary>
    public static readonly OperatorDefinition ToBytes = new(
        "RmsNormalizeQuantizeRows",
        Inputs,
        [ElementType.UnsignedByte, ElementType.Float, ElementType.Float],
        attributes => Create(attributes, RowQuantizer.Of(attributes)));

    private static IReadOnlyList<OperatorInput> Inputs => [.. Enumerable.Repeat(new OperatorInput(ElementType.Float), 3), new(ElementType.Float, Optional: true)];

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* x = call.Matrix<float>(0, out int rows, out int columns);
        var work = new Work
        {
            X = x, Skip = call.Input<float>(1, (long)rows * columns), Weight = call.Input<float>(2, columns), Factors = call.OptionalInput<float>(3, rows),
            Result = RowResult.Of(call, rows, columns, quantizer), Sum = sum ? call.OutputLike<float>(quantizer is null ? 1 : 2, 0) : null,
            Columns = columns, Epsilon = epsilon,
        };
        call.For(rows, &Row, &work);
    }

    private static RmsNormalizeRows Create(NodeAttributes attributes, RowQuantizer? quantizer) =>
        new(attributes.Float("epsilon\0"u8), attributes.Integer("sum\0"u8) != 0, quantizer);

    [UnmanagedCallersOnly]
    private static void Row(void* state, nuint index)
    {
        var work = (Work*)state;
        int columns = work->Columns;
        long start = (long)index * columns;
        float* scratch = stackalloc float[work->Result.ScratchLength(columns)];
        float* output = work->Result.Row(index, columns, scratch);
        var normal = new Span<float>(output, columns);
        var sum = work->Sum is null ? normal : new Span<float>(work->Sum + start, columns);
        float factor = work->Factors is null ? 1 : work->Factors[index];
        TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(work->X + start, columns), factor, new ReadOnlySpan<float>(work->Skip + start, columns), sum);
        float square = TensorPrimitives.SumOfSquares<float>(sum) / columns;
        TensorPrimitives.Multiply(sum, 1 / MathF.Sqrt(square + work->Epsilon), normal);
        TensorPrimitives.Multiply(normal, new ReadOnlySpan<float>(work->Weight, columns), normal);
        work->Result.End(index, columns, output);
    }

    private struct Work
    {
        public float* X, Skip, Weight, Factors, Sum;
        public RowResult Result;
        public int Columns;
        public float Epsilon;
    }
}
