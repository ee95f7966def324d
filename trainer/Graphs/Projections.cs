using Rudder.Checkpoints;

namespace Rudder.Trainer.Graphs;

/// <summary>A weight matrix: rows are inputs, columns are outputs.</summary>
/// <param name="Name">Name in the graph and in the weights file.</param>
/// <param name="Inputs">Rows.</param>
/// <param name="Outputs">Columns.</param>
/// <param name="Values">[Inputs, Outputs], row-major. Called when the matrix is written.</param>
/// <param name="OutputsFirst">Whether the values are [Outputs, Inputs] instead, as most checkpoints store them.</param>
internal sealed record Matrix(string Name, int Inputs, int Outputs, Func<float[]> Values, bool OutputsFirst = false);

/// <summary>Lower bounds of activations, which simplify quantized products.</summary>
internal static class Activations
{
    /// <summary>Just below the minimum of GELU, exact or approximate (-0.170).</summary>
    public const float GeluLowest = -0.1701f;

    /// <summary>Just below the minimum of ReLU: with 0, a row of zeros would have the scale 0.</summary>
    public const float ReluLowest = -1e-27f;
}

/// <summary>How a graph multiplies by its weights. float32 and int8 graphs differ only here, float16 also in the weights file.</summary>
internal interface IProjections
{
    /// <summary>Precision of the graph.</summary>
    GraphPrecision Precision { get; }

    /// <summary>x·W (+ bias).</summary>
    /// <param name="graph">The graph to extend.</param>
    /// <param name="x">[N, Inputs]</param>
    /// <param name="weight">W.</param>
    /// <param name="bias">[Outputs]; null: none.</param>
    /// <param name="lowest">Lower bound of x's entries, e.g. after a GELU.</param>
    /// <returns>[N, Outputs]</returns>
    string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null, float lowest = float.NegativeInfinity);

    /// <summary>x·Eᵀ as the graph's output, with the embedding table as the output layer's weight. The table is stored once.</summary>
    /// <param name="graph">The graph to extend.</param>
    /// <param name="x">[N, D]</param>
    /// <param name="table">E, [V, D], as the embedding lookup uses it.</param>
    /// <param name="values">Its values.</param>
    /// <param name="output">Name of the product, [N, V], or [N, 1, V].</param>
    /// <param name="tokenAxis">Whether the product has an axis of length 1 for the one token of a row.</param>
    void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output, bool tokenAxis);
}

/// <summary>Products in float32, the reference, or in float16, for GPUs: weights, activations and cache then take half the bytes.</summary>
/// <param name="data">File of the weights, in that precision.</param>
/// <param name="precision">Fp32 or Fp16.</param>
internal sealed class FloatProjections(ExternalData data, GraphPrecision precision) : IProjections
{
    public GraphPrecision Precision => precision;

    public string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null, float lowest = float.NegativeInfinity)
    {
        // A matrix keeps the layout of the checkpoint, so that new weights can replace it as they are.
        long[] shape = weight.OutputsFirst ? [weight.Outputs, weight.Inputs] : [weight.Inputs, weight.Outputs];
        string w = graph.Weight(data.Float(weight.Name, shape, weight.Values));
        (string, object)[] transposed = weight.OutputsFirst ? [("transB", 1)] : [];
        return bias is not null ? graph.Node("Gemm", [x, w, graph.Weight(bias)], transposed)
            : weight.OutputsFirst ? graph.Node("FusedMatMul", [x, w], transposed, OnnxGraph.Microsoft)
            : graph.Node("MatMul", [x, w]);
    }

    public void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output, bool tokenAxis)
    {
        string rows = tokenAxis ? graph.Node("Unsqueeze", [x, graph.Int64(1)]) : x;
        graph.Node("FusedMatMul", [rows, graph.Weight(table)], [("transB", 1)], OnnxGraph.Microsoft, output);
    }
}

/// <summary>
/// Products in 8 bits. Weights have one scale per column. Activations have one scale per row, max|x| / 127 at run time.
/// A row's result does not depend on other rows of the batch.
/// </summary>
internal sealed class Int8Projections(ExternalData data) : IProjections
{
    private const byte ActivationZero = 128;
    private const float SmallestScale = 1e-30f;             // a row of zeros stays zeros

    private ((OnnxGraph Graph, string X, float Lowest) Key, (string Bytes, string Scales) Rows)? _last;

    public GraphPrecision Precision => GraphPrecision.Int8;

    public string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null, float lowest = float.NegativeInfinity)
    {
        // Products of the same rows share the bytes.
        var rows = _last is { } last && last.Key == (graph, x, lowest) ? last.Rows : Quantize(graph, x, lowest);
        _last = ((graph, x, lowest), rows);
        string product = Product(graph, rows.Bytes, weight);
        string column = graph.Node("Unsqueeze", [rows.Scales, graph.Int64(1)]);                                 // [N,1]
        string scaled = graph.Node("Mul", [product, column]);
        return bias is null ? scaled : graph.Node("Add", [scaled, graph.Weight(bias)]);
    }

    public void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output, bool tokenAxis)
    {
        int vocabulary = checked((int)table.Shape[0]), width = checked((int)table.Shape[1]);
        var transposed = new Matrix(table.Name + ".transposed", width, vocabulary, () => Quantization.Transpose(values, vocabulary, width));
        var rows = Quantize(graph, x, float.NegativeInfinity);
        string bytes = tokenAxis ? graph.Node("Unsqueeze", [rows.Bytes, graph.Int64(1)]) : rows.Bytes;          // [N,1,D]
        string column = graph.Node("Unsqueeze", [rows.Scales, tokenAxis ? graph.Int64(1, 2) : graph.Int64(1)]); // [N,1,1]
        graph.Node("Mul", [Product(graph, bytes, transposed), column], output: output);
    }

    /// <summary>Unsigned bytes around 128, [N, D], and the scale of each row, [N].</summary>
    private static (string Bytes, string Scales) Quantize(OnnxGraph graph, string x, float lowest)
    {
        // With a small lower bound the largest entry is the largest magnitude, so Abs is not needed.
        string magnitudes = float.IsNegativeInfinity(lowest) ? graph.Node("Abs", [x]) : x;
        string largest = graph.Node("ReduceMax", [magnitudes], [("axes", new long[] { 1 }), ("keepdims", 0)]);
        string floor = graph.FloatScalar(float.IsNegativeInfinity(lowest) ? SmallestScale : -lowest / Quantization.Largest);
        string scales = graph.Node("Max", [graph.Node("Mul", [largest, graph.FloatScalar(1f / Quantization.Largest)]), floor]);
        // One zero point per row: a scale divided by the largest float rounds to 0, so every entry is the zero point.
        string zeros = graph.Node("QuantizeLinear", [scales, graph.FloatScalar(float.MaxValue), graph.UnsignedByteScalar(ActivationZero)]);
        return (graph.Node("QuantizeLinear", [x, scales, zeros], [("axis", 0)]), scales);
    }

    /// <summary>Bytes by bytes, times the columns' scales.</summary>
    private string Product(OnnxGraph graph, string bytes, Matrix weight)
    {
        (ExternalTensor quantized, ExternalTensor scales) = Quantized(weight);
        // Zero points of weights are optional, but ONNX Runtime's rewrite for CPUs without VNNI needs a separate one for each weight.
        string zero = graph.SignedByteScalar(0, weight.Name + ".zero");
        string[] inputs = [bytes, graph.Weight(quantized), graph.FloatScalar(1), graph.Weight(scales), graph.UnsignedByteScalar(ActivationZero), zero];
        return graph.Node("MatMulIntegerToFloat", inputs, domain: OnnxGraph.Microsoft);
    }

    private (ExternalTensor Bytes, ExternalTensor Scales) Quantized(Matrix weight)
    {
        float[] Values() => weight.OutputsFirst ? Quantization.Transpose(weight.Values(), weight.Outputs, weight.Inputs) : weight.Values();
        var quantized = new Lazy<(sbyte[] Bytes, float[] Scales)>(() => Quantization.PerColumn(Values(), weight.Outputs));
        ExternalTensor bytes = data.Bytes(weight.Name + ".int8", [weight.Inputs, weight.Outputs], () => quantized.Value.Bytes);
        ExternalTensor scales = data.Float(weight.Name + ".scale", [weight.Outputs], () => quantized.Value.Scales);
        return (bytes, scales);
    }
}
