using System.Runtime.InteropServices;

namespace Rudder.InferenceService.Kernels;

/// <summary>
/// Rows of floats to bytes with one scale each (<see cref="RowQuantizer"/>), as the exporter's graphs write it with six operators of
/// ONNX; where another operator of this program makes the rows, that one writes the bytes at once.
/// </summary>
/// <remarks>Input: x [N,K]. Outputs: bytes [N,K], scales [N]. Attributes: magnitudes, factor, floor.</remarks>
/// <param name="quantizer">How.</param>
internal sealed unsafe class QuantizeRows(RowQuantizer quantizer) : IKernel
{
    /// <summary>The operator.</summary>
    public static readonly OperatorDefinition Operator = new(
        "QuantizeRows",
        [new(ElementType.Float)],
        [ElementType.UnsignedByte, ElementType.Float],
        attributes => new QuantizeRows(RowQuantizer.Of(attributes)));

    /// <summary>Replaces the exporter's six operators: |x|, largest, times a factor, at least a floor, zero points, quantization.</summary>
    public static void Fuse(GraphNodes nodes)
    {
        foreach (var node in nodes.Of("QuantizeLinear"))
        {
            if (nodes.Maker(node.Input[1], "Max") is { } floored
                && nodes.Constant(floored.Input[1]) is { } floor
                && nodes.Maker(floored.Input[0], "Mul") is { } scaled
                && nodes.Constant(scaled.Input[1]) is { } factor
                && nodes.Maker(scaled.Input[0], "ReduceMax") is { } largest)
            {
                string x = node.Input[0];
                bool magnitudes = nodes.Maker(largest.Input[0], "Abs")?.Input[0] == x;
                if (magnitudes || largest.Input[0] == x)
                {
                    nodes.Replace(node, Operator.Name, [x], [node.Output[0], node.Input[1]], new RowQuantizer(magnitudes, factor, floor).Attributes);
                    floored.Output[0] += ".unused";
                }
            }
        }
    }

    /// <summary>Leaves the bytes to the operators that make the rows, where nothing else reads those.</summary>
    public static void FuseIntoMakers(GraphNodes nodes)
    {
        foreach (var node in nodes.Of(Operator.Name).Where(node => nodes.Readers(node.Input[0]) == 1))
        {
            var (bytes, scales) = (node.Output[0], node.Output[1]);
            var maker = nodes.Maker(node.Input[0], GeluRows.Operator.Name) ?? nodes.Maker(node.Input[0], NormalizeRows.Operator.Name);
            if (maker is null)
            {
                continue;
            }

            (node.Output[0], node.Output[1]) = (bytes + ".unused", scales + ".unused");
            string operation = maker.OpType == GeluRows.Operator.Name ? GeluRows.ToBytes.Name : NormalizeRows.ToBytes.Name;
            nodes.Replace(maker, operation, maker.Input, [bytes, scales, .. maker.Output.Skip(1)], [.. maker.Attribute, .. node.Attribute]);
        }
    }

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
