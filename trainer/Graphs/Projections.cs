using Rudder.Checkpoints;

namespace Rudder.Trainer.Graphs;

/// <summary>A weight matrix as products use it: inputs down, outputs across.</summary>
/// <param name="Name">Name in the graph and in the weights file.</param>
/// <param name="Inputs">Rows.</param>
/// <param name="Outputs">Columns.</param>
/// <param name="Values">[Inputs, Outputs], row-major; called when the matrix is written.</param>
internal sealed record Matrix(string Name, int Inputs, int Outputs, Func<float[]> Values);

/// <summary>Bounds of activations that products make use of.</summary>
internal static class Activations
{
    /// <summary>Below the lowest value of the GELU, exact or approximated (-0.170).</summary>
    public const float GeluLowest = -0.1701f;
}

/// <summary>How a graph multiplies by its weights: the one thing in which float32 and int8 graphs differ; float16 ones differ in their weights' file as well.</summary>
internal interface IProjections
{
    /// <summary>Precision of the graph.</summary>
    GraphPrecision Precision { get; }

    /// <summary>x·W (+ bias).</summary>
    /// <param name="graph">The graph to extend.</param>
    /// <param name="x">[N, Inputs]</param>
    /// <param name="weight">W.</param>
    /// <param name="bias">[Outputs]; null: none.</param>
    /// <param name="lowest">What no entry of x falls below, e.g. after a GELU.</param>
    /// <returns>[N, Outputs]</returns>
    string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null, float lowest = float.NegativeInfinity);

    /// <summary>x·Eᵀ with the embedding table as the weight of the output layer, as the graph's output: written once, never copied.</summary>
    /// <param name="graph">The graph to extend.</param>
    /// <param name="x">[N, D]</param>
    /// <param name="table">E, [V, D], as the embedding lookup uses it.</param>
    /// <param name="values">Its values.</param>
    /// <param name="output">Name of the product, [N, V], or [N, 1, V].</param>
    /// <param name="tokenAxis">Whether the product has an axis of length 1 for the one token of a row.</param>
    void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output, bool tokenAxis);
}

/// <summary>Products in float32, the reference.</summary>
/// <param name="data">File of the float32 weights.</param>
internal sealed class Float32Projections(ExternalData data) : IProjections
{
    /// <inheritdoc/>
    public GraphPrecision Precision => GraphPrecision.Fp32;

    /// <inheritdoc/>
    public string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null, float lowest = float.NegativeInfinity)
    {
        string w = graph.Weight(data.Float(weight.Name, [weight.Inputs, weight.Outputs], weight.Values));
        return bias is null
            ? graph.Node("MatMul", [x, w])
            : graph.Node("Gemm", [x, w, graph.Weight(bias)]);
    }

    /// <inheritdoc/>
    public void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output, bool tokenAxis)
    {
        string rows = tokenAxis ? graph.Node("Unsqueeze", [x, graph.Int64(1)]) : x;
        graph.Node("FusedMatMul", [rows, graph.Weight(table)], [("transB", 1)], OnnxGraph.Microsoft, output);
    }
}

/// <summary>The same products in float16, for GPUs: weights, activations and cache take half the bytes.</summary>
/// <param name="data">File of the float16 weights.</param>
internal sealed class Float16Projections(ExternalData data) : IProjections
{
    private readonly Float32Projections products = new(data);

    /// <inheritdoc/>
    public GraphPrecision Precision => GraphPrecision.Fp16;

    /// <inheritdoc/>
    public string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null, float lowest = float.NegativeInfinity) =>
        products.Multiply(graph, x, weight, bias, lowest);

    /// <inheritdoc/>
    public void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output, bool tokenAxis) =>
        products.MultiplyByTable(graph, x, table, values, output, tokenAxis);
}

/// <summary>
/// Products in 8 bits: weights with one scale per column, activations with one scale per row, found at run time as max|x| / 127.
/// A row's result depends on that row alone, whatever else is in its batch.
/// </summary>
/// <param name="data">File of the quantized weights.</param>
internal sealed class Int8Projections(ExternalData data) : IProjections
{
    private const byte ActivationZero = 128;
    private const float SmallestScale = 1e-30f;             // a row of zeros stays zeros

    /// <inheritdoc/>
    public GraphPrecision Precision => GraphPrecision.Int8;

    /// <inheritdoc/>
    public string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null, float lowest = float.NegativeInfinity)
    {
        var rows = Quantize(graph, x, lowest);
        string product = Product(graph, rows.Bytes, weight);
        string column = graph.Node("Unsqueeze", [rows.Scales, graph.Int64(1)]);                                 // [N,1]
        string scaled = graph.Node("Mul", [product, column]);
        return bias is null ? scaled : graph.Node("Add", [scaled, graph.Weight(bias)]);
    }

    /// <inheritdoc/>
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
        // What never falls below a small number needs no absolute values: its largest entry decides.
        string magnitudes = float.IsNegativeInfinity(lowest) ? graph.Node("Abs", [x]) : x;
        string largest = graph.Node("ReduceMax", [magnitudes], [("axes", new long[] { 1 }), ("keepdims", 0)]);
        string floor = graph.FloatScalar(float.IsNegativeInfinity(lowest) ? SmallestScale : -lowest / Quantization.Largest);
        string scales = graph.Node("Max", [graph.Node("Mul", [largest, graph.FloatScalar(1f / Quantization.Largest)]), floor]);
        // A vector of zero points as long as the rows: anything divided by the largest float is none.
        string zeros = graph.Node("QuantizeLinear", [scales, graph.FloatScalar(float.MaxValue), graph.UnsignedByteScalar(ActivationZero)]);
        return (graph.Node("QuantizeLinear", [x, scales, zeros], [("axis", 0)]), scales);
    }

    /// <summary>Bytes by bytes, times the columns' scales.</summary>
    private string Product(OnnxGraph graph, string bytes, Matrix weight)
    {
        (ExternalTensor quantized, ExternalTensor scales) = Quantized(weight);
        // The weights' zero point could be left out, or shared; ONNX Runtime's rewriting for processors without VNNI needs one of each weight's own.
        string zero = graph.SignedByteScalar(0, weight.Name + ".zero");
        string[] inputs = [bytes, graph.Weight(quantized), graph.FloatScalar(1), graph.Weight(scales), graph.UnsignedByteScalar(ActivationZero), zero];
        return graph.Node("MatMulIntegerToFloat", inputs, domain: OnnxGraph.Microsoft);
    }

    private (ExternalTensor Bytes, ExternalTensor Scales) Quantized(Matrix weight)
    {
        var quantized = new Lazy<(sbyte[] Bytes, float[] Scales)>(() => Quantization.PerColumn(weight.Values(), weight.Outputs));
        ExternalTensor bytes = data.Bytes(weight.Name + ".int8", [weight.Inputs, weight.Outputs], () => quantized.Value.Bytes);
        ExternalTensor scales = data.Float(weight.Name + ".scale", [weight.Outputs], () => quantized.Value.Scales);
        return (bytes, scales);
    }
}
