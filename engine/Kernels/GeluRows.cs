using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Rudder.Engine.Kernels;

/// <summary>Operator: GELU of y = factor·x + bias, exact or with the tanh approximation.</summary>
/// <remarks>
/// Inputs: x [N,K], bias [K], and optionally a factor per row [N], left over from an int8 product. Output: [N,K], or bytes
/// [N,K] and scales [N]. Attribute: exact, 1 for <see cref="ExactGelu"/>, 0 for <see cref="TanhGelu"/>.
/// </remarks>
/// <param name="exact">Whether to use the exact form.</param>
/// <param name="quantizer">Quantizes the rows; null keeps floats.</param>
internal sealed unsafe class GeluRows(bool exact, RowQuantizer? quantizer) : IKernel
{
    /// <summary>The operator with float output.</summary>
    public static readonly OperatorDefinition Operator = new(
        "GeluRows",
        Inputs,
        [ElementType.Float],
        attributes => new GeluRows(attributes.Integer("exact\0"u8) != 0, null));

    /// <summary>The operator with quantized output. It also has the quantizer's attributes.</summary>
    public static readonly OperatorDefinition ToBytes = new(
        "GeluQuantizeRows",
        Inputs,
        [ElementType.UnsignedByte, ElementType.Float],
        attributes => new GeluRows(attributes.Integer("exact\0"u8) != 0, RowQuantizer.Of(attributes)));

    private static IReadOnlyList<OperatorInput> Inputs => [new(ElementType.Float), new(ElementType.Float), new(ElementType.Float, Optional: true)];

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* x = call.Matrix<float>(0, out int rows, out int columns);
        var work = new Work
        {
            X = x, Bias = call.Input<float>(1, columns), Factors = call.OptionalInput<float>(2, rows), Columns = columns, Result = RowResult.Of(call, rows, columns, quantizer),
        };
        if (exact)
        {
            call.For(rows, &ExactRow, &work);
        }
        else
        {
            call.For(rows, &TanhRow, &work);
        }
    }

    [UnmanagedCallersOnly]
    private static void ExactRow(void* state, nuint index) => Row<ExactGelu>((Work*)state, index);

    [UnmanagedCallersOnly]
    private static void TanhRow(void* state, nuint index) => Row<TanhGelu>((Work*)state, index);

    private static void Row<TGelu>(Work* work, nuint index)
        where TGelu : IGelu
    {
        float* x = work->X + ((long)index * work->Columns);
        float* scratch = stackalloc float[work->Result.ScratchLength(work->Columns)];
        float* output = work->Result.Row(index, work->Columns, scratch);
        float factor = work->Factors is null ? 1 : work->Factors[index];
        int i = 0;
        for (; i <= work->Columns - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var y = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), Vector512.Create(factor), Vector512.Load(work->Bias + i));
            Vector512.Store(TGelu.Of(y), output + i);
        }

        for (; i < work->Columns; i++)
        {
            output[i] = TGelu.Of(MathF.FusedMultiplyAdd(x[i], factor, work->Bias[i]));
        }

        work->Result.End(index, work->Columns, output);
    }

    private struct Work
    {
        public float* X, Bias, Factors;
        public int Columns;
        public RowResult Result;
    }
}
