using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>
/// Operator: quantizes rows of floats to bytes with one scale per row (<see cref="RowQuantizer"/>). It replaces six ONNX operators of
/// exported graphs. If another operator of this program computes the rows, that operator writes the bytes itself.
/// </summary>
/// <remarks>Input: x [N,K]. Outputs: bytes [N,K], scales [N]. Attributes: magnitudes, factor, floor.</remarks>
/// <param name="quantizer">Quantization parameters.</param>
internal sealed unsafe class QuantizeRows(RowQuantizer quantizer) : IKernel
{
    /// <summary>The operator.</summary>
    public static readonly OperatorDefinition Operator = new(
        "QuantizeRows",
        [new(ElementType.Float)],
        [ElementType.UnsignedByte, ElementType.Float],
        attributes => new QuantizeRows(RowQuantizer.Of(attributes)));

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* x = call.Matrix<float>(0, out int rows, out int columns);
        var work = new Work
        {
            X = x, Columns = columns, Quantizer = quantizer, Bytes = call.OutputLike<byte>(0, 0), Scales = call.Output<float>(1, rows),
        };
        call.For(rows, &Row, &work);
    }

    [UnmanagedCallersOnly]
    private static void Row(void* state, nuint index)
    {
        var work = (Work*)state;
        long start = (long)index * work->Columns;
        work->Scales[index] = work->Quantizer.Quantize(work->X + start, work->Columns, work->Bytes + start);
    }

    private struct Work
    {
        public float* X, Scales;
        public byte* Bytes;
        public int Columns;
        public RowQuantizer Quantizer;
    }
}
