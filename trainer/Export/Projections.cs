namespace Rudder.Trainer.Export;

/// <summary>A weight matrix as products use it: inputs down, outputs across.</summary>
/// <param name="Name">Name in the graph and in the weights file.</param>
/// <param name="Inputs">Rows.</param>
/// <param name="Outputs">Columns.</param>
/// <param name="Values">[Inputs, Outputs], row-major; called when the matrix is written.</param>
internal sealed record Matrix(string Name, int Inputs, int Outputs, Func<float[]> Values);

/// <summary>How a graph multiplies by its weights: the one thing in which float32 and int8 graphs differ.</summary>
internal interface IProjections
{
    /// <summary><c>fp32</c> or <c>int8</c>, as the graph's metadata say it.</summary>
    string Precision { get; }

    /// <summary>x·W (+ bias).</summary>
    /// <param name="graph">The graph to extend.</param>
    /// <param name="x">[N, Inputs]</param>
    /// <param name="weight">W.</param>
    /// <param name="bias">[Outputs]; null: none.</param>
    /// <returns>[N, Outputs]</returns>
    string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null);

    /// <summary>x·Eᵀ with the embedding table as the weight of the output layer, as the graph's output: written once, never copied.</summary>
    /// <param name="graph">The graph to extend.</param>
    /// <param name="x">[…, D]</param>
    /// <param name="table">E, [V, D], as the embedding lookup uses it.</param>
    /// <param name="values">Its values.</param>
    /// <param name="output">Name of the product, […, V].</param>
    void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output);

    /// <summary>Keeps padding rows out of the next product's scale where products share one: they become zero there.</summary>
    /// <param name="graph">The graph to extend.</param>
    /// <param name="x">[N, D]</param>
    /// <param name="valid">[N, 1], 1 for tokens and 0 for padding.</param>
    string SilencePadding(OnnxGraph graph, string x, string valid);
}

/// <summary>Products in float32, the reference.</summary>
/// <param name="data">File of the float32 weights.</param>
internal sealed class Float32Projections(ExternalData data) : IProjections
{
    /// <inheritdoc/>
    public string Precision => "fp32";

    /// <inheritdoc/>
    public string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null)
    {
        string w = graph.Weight(data.Float(weight.Name, [weight.Inputs, weight.Outputs], weight.Values));
        return bias is null
            ? graph.Node("MatMul", [x, w])
            : graph.Node("Gemm", [x, w, graph.Weight(bias)]);
    }

    /// <inheritdoc/>
    public void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output) =>
        graph.Node("FusedMatMul", [x, graph.Weight(table)], [("transB", 1)], OnnxGraph.Microsoft, output);

    /// <inheritdoc/>
    public string SilencePadding(OnnxGraph graph, string x, string valid) => x;     // rows do not meet in float32
}

/// <summary>
/// Products in 8 bits: weights with one scale per column, activations quantized at run time with one scale per product,
/// so that a result depends (a little) on the other rows of its batch.
/// </summary>
/// <param name="data">File of the quantized weights.</param>
internal sealed class Int8Projections(ExternalData data) : IProjections
{
    /// <inheritdoc/>
    public string Precision => "int8";

    /// <inheritdoc/>
    public string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias = null) => Multiply(graph, x, weight, bias, null);

    /// <inheritdoc/>
    public void MultiplyByTable(OnnxGraph graph, string x, ExternalTensor table, float[] values, string output)
    {
        int vocabulary = checked((int)table.Shape[0]), width = checked((int)table.Shape[1]);
        var transposed = new Matrix(table.Name + ".transposed", width, vocabulary, () => Quantization.Transpose(values, vocabulary, width));
        Multiply(graph, x, transposed, null, output);
    }

    /// <inheritdoc/>
    public string SilencePadding(OnnxGraph graph, string x, string valid) => graph.Node("Mul", [x, valid]);

    private string Multiply(OnnxGraph graph, string x, Matrix weight, ExternalTensor? bias, string? output)
    {
        (ExternalTensor bytes, ExternalTensor scales) = Quantized(weight);
        string[] inputs = [x, graph.Weight(bytes), graph.Weight(scales), graph.ByteScalar(Quantization.ZeroPoint)];
        return graph.Node("DynamicQuantizeMatMul", bias is null ? inputs : [.. inputs, graph.Weight(bias)], domain: OnnxGraph.Microsoft, output: output);
    }

    private (ExternalTensor Bytes, ExternalTensor Scales) Quantized(Matrix weight)
    {
        var quantized = new Lazy<(byte[] Bytes, float[] Scales)>(() => Quantization.PerColumn(weight.Values(), weight.Outputs));
        ExternalTensor bytes = data.Bytes(weight.Name + ".int8", [weight.Inputs, weight.Outputs], () => quantized.Value.Bytes);
        ExternalTensor scales = data.Float(weight.Name + ".scale", [weight.Outputs], () => quantized.Value.Scales);
        return (bytes, scales);
    }
}
