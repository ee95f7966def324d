using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Rudder.InferenceService.Kernels;

/// <summary>
/// GELU in its tanh approximation (Hendrycks and Gimpel 2016): y/2 · (1 + tanh(√(2/π)·(y + 0.044715·y³))) of y = factor·x + bias, which
/// is y / (1 + exp(-2·√(2/π)·(y + 0.044715·y³))).
/// </summary>
/// <remarks>Inputs: x [N,K], bias [K], and optionally a factor of each row [N], which an 8-bit product leaves to its reader. Output: [N,K], or bytes [N,K] and scales [N].</remarks>
/// <param name="quantizer">How to make bytes of the rows; null: they stay floats.</param>
internal sealed unsafe class GeluRows(RowQuantizer? quantizer) : IKernel
{
    /// <summary>The operator.</summary>
    public static readonly OperatorDefinition Operator = new(
        "GeluRows",
        Inputs,
        [ElementType.Float],
        _ => new GeluRows(null));

    /// <summary>The operator that makes bytes. Attributes: those of the quantizer.</summary>
    public static readonly OperatorDefinition ToBytes = new(
        "GeluQuantizeRows",
        Inputs,
        [ElementType.UnsignedByte, ElementType.Float],
        attributes => new GeluRows(RowQuantizer.Of(attributes)));

    private const float Linear = -1.5957691216f;             // -2·√(2/π)
    private const float Cubic = -0.0713548163f;              // the same · 0.044715

    private static IReadOnlyList<OperatorInput> Inputs => [new(ElementType.Float), new(ElementType.Float), new(ElementType.Float, Optional: true)];

    /// <summary>Replaces ONNX Runtime's FastGelu, and the multiplication by a row's factor before it.</summary>
    public static void Fuse(GraphNodes nodes)
    {
        foreach (var node in nodes.Of("FastGelu").Where(node => node.Input.Count == 2))
        {
            var (x, factors) = nodes.Unscaled(node.Input[0]);
            nodes.Replace(node, Operator.Name, factors is null ? [x, node.Input[1]] : [x, node.Input[1], factors], node.Output);
        }
    }

    /// <inheritdoc/>
    public void Compute(KernelCall call)
    {
        float* x = call.Matrix<float>(0, out int rows, out int columns);
        var work = new Work
        {
            X = x, Bias = call.Input<float>(1, columns), Factors = call.OptionalInput<float>(2, rows), Columns = columns, Result = RowResult.Of(call, rows, columns, quantizer),
        };
        call.For(rows, &Row, &work);
    }

    [UnmanagedCallersOnly]
    private static void Row(void* state, nuint index)
    {
        var work = (Work*)state;
        float* x = work->X + ((long)index * work->Columns);
        float* scratch = stackalloc float[work->Result.ScratchLength(work->Columns)];
        float* output = work->Result.Row(index, work->Columns, scratch);
        float factor = work->Factors is null ? 1 : work->Factors[index];
        int i = 0;
        for (; i <= work->Columns - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var y = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), Vector512.Create(factor), Vector512.Load(work->Bias + i));
            var exponent = y * Vector512.FusedMultiplyAdd(y * y, Vector512.Create(Cubic), Vector512.Create(Linear));
            Vector512.Store(y / (Vector512.Exp(exponent) + Vector512<float>.One), output + i);
        }

        for (; i < work->Columns; i++)
        {
            float y = MathF.FusedMultiplyAdd(x[i], factor, work->Bias[i]);
            output[i] = y / (MathF.Exp(y * MathF.FusedMultiplyAdd(y * y, Cubic, Linear)) + 1);
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
