using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Rudder.Engine.Kernels;

/// <summary>Operator: the gate of SwiGLU (arXiv:2002.05202), silu(factor·gate)·(factor·up), silu(y) = y / (1 + exp(-y)).</summary>
/// <remarks>
/// Inputs: gate [N,K], up [N,K], and optionally a factor per row [N], left over from two int8 products of the same rows. Output: [N,K], or
/// bytes [N,K] and scales [N].
/// </remarks>
/// <param name="quantizer">Quantizes the rows; null keeps floats.</param>
internal sealed unsafe class GateRows(RowQuantizer? quantizer) : IKernel
{
    /// <summary>The operator with float output. It has no attributes.</summary>
    public static readonly OperatorDefinition Operator = new("GateRows", Inputs, [ElementType.Float], _ => new GateRows(null));

    /// <summary>The operator with quantized output. It has the quantizer's attributes.</summary>
    public static readonly OperatorDefinition ToBytes = new(
        "GateQuantizeRows",
        Inputs,
        [ElementType.UnsignedByte, ElementType.Float],
        attributes => new GateRows(RowQuantizer.Of(attributes)));

    private static IReadOnlyList<OperatorInput> Inputs => [new(ElementType.Float), new(ElementType.Float), new(ElementType.Float, Optional: true)];

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* gate = call.Matrix<float>(0, out int rows, out int columns);
        var work = new Work
        {
            Gate = gate, Up = call.Input<float>(1, (long)rows * columns), Factors = call.OptionalInput<float>(2, rows), Columns = columns,
            Result = RowResult.Of(call, rows, columns, quantizer),
        };
        call.For(rows, &Row, &work);
    }

    [UnmanagedCallersOnly]
    private static void Row(void* state, nuint index)
    {
        var work = (Work*)state;
        long start = (long)index * work->Columns;
        float* gate = work->Gate + start, up = work->Up + start;
        float* scratch = stackalloc float[work->Result.ScratchLength(work->Columns)];
        float* output = work->Result.Row(index, work->Columns, scratch);
        float factor = work->Factors is null ? 1 : work->Factors[index];
        var factors = Vector512.Create(factor);
        int i = 0;
        for (; i <= work->Columns - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var y = Vector512.Load(gate + i) * factors;
            Vector512.Store(y / (Vector512.Exp(-y) + Vector512<float>.One) * (Vector512.Load(up + i) * factors), output + i);
        }

        for (; i < work->Columns; i++)
        {
            float y = gate[i] * factor;
            output[i] = y / (MathF.Exp(-y) + 1) * (up[i] * factor);
        }

        work->Result.End(index, work->Columns, output);
    }

    private struct Work
    {
        public float* Gate, Up, Factors;
        public int Columns;
        public RowResult Result;
    }
}
