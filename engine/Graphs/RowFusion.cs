using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>Replaces row operations by this program's operators. Nodes of any other form stay with ONNX Runtime.</summary>
internal static class RowFusion
{
    private const int Normal = 0, Sum = 3;                   // outputs of SkipLayerNormalization
    private const int Bias = 4;                              // its optional input
    private const int RmsInputs = 3;                         // of SkipSimplifiedLayerNormalization without a bias
    private const string Epsilon = "epsilon";

    // Operators that compute rows, and the same with bytes as output.
    private static readonly (OperatorDefinition Floats, OperatorDefinition Bytes)[] Makers =
    [
        (GeluRows.Operator, GeluRows.ToBytes), (NormalizeRows.Operator, NormalizeRows.ToBytes),
        (RmsNormalizeRows.Operator, RmsNormalizeRows.ToBytes), (GateRows.Operator, GateRows.ToBytes),
    ];

    /// <summary>Converts a quantizer to the attributes of a node.</summary>
    public static AttributeProto[] Attributes(RowQuantizer quantizer) =>
    [
        GraphNodes.Attribute("magnitudes", quantizer.Magnitudes ? 1 : 0),
        GraphNodes.Attribute("factor", quantizer.Factor),
        GraphNodes.Attribute("floor", quantizer.Floor),
    ];

    /// <summary>Replaces the exporter's six operators: absolute value, maximum, factor, floor, zero points, quantization.</summary>
    public static void Quantize(GraphNodes nodes)
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
                    nodes.Replace(node, QuantizeRows.Operator.Name, [x], [node.Output[0], node.Input[1]], Attributes(new RowQuantizer(magnitudes, factor, floor)));
                    floored.Output[0] += ".unused";
                }
            }
        }
    }

    /// <summary>Moves quantization into the operators that compute the rows, if nothing else reads the rows.</summary>
    public static void QuantizeInMakers(GraphNodes nodes)
    {
        foreach (var node in nodes.Of(QuantizeRows.Operator.Name).Where(node => nodes.Readers(node.Input[0]) == 1))
        {
            var (bytes, scales) = (node.Output[0], node.Output[1]);
            var (floats, toBytes) = Makers.FirstOrDefault(pair => nodes.Maker(node.Input[0], pair.Floats.Name) is not null);
            if (floats is null)
            {
                continue;
            }

            var maker = nodes.Maker(node.Input[0], floats.Name)!;
            (node.Output[0], node.Output[1]) = (bytes + ".unused", scales + ".unused");
            string operation = toBytes.Name;
            nodes.Replace(maker, operation, maker.Input, [bytes, scales, .. maker.Output.Skip(1)], [.. maker.Attribute, .. node.Attribute]);
        }
    }

    /// <summary>Replaces ONNX Runtime's FastGelu and BiasGelu, and the scaling by a factor per row before them.</summary>
    public static void Gelu(GraphNodes nodes)
    {
        foreach (var node in nodes.Of("FastGelu").Concat(nodes.Of("BiasGelu")).Where(node => node.Input.Count == 2))
        {
            var (x, factors) = nodes.Unscaled(node.Input[0]);
            var exact = GraphNodes.Attribute("exact", node.OpType == "BiasGelu" ? 1 : 0);
            nodes.Replace(node, GeluRows.Operator.Name, factors is null ? [x, node.Input[1]] : [x, node.Input[1], factors], node.Output, exact);
        }
    }

    /// <summary>Replaces ONNX Runtime's SkipLayerNormalization, and the scaling by a factor per row before it.</summary>
    public static void Normalize(GraphNodes nodes)
    {
        foreach (var node in nodes.Of("SkipLayerNormalization").Where(IsWhole))
        {
            var (x, factors) = nodes.Unscaled(node.Input[0]);
            bool hasSum = node.Output.Count > Sum && node.Output[Sum].Length > 0, hasBias = node.Input.Count > Bias;
            string[] inputs = [x, .. node.Input.Skip(1).Take(Bias - 1), node.Input[hasBias ? Bias : Bias - 1]];
            float epsilon = node.Attribute.Single(attribute => attribute.Name == Epsilon).F;
            nodes.Replace(
                node,
                NormalizeRows.Operator.Name,
                factors is null ? inputs : [.. inputs, factors],
                hasSum ? [node.Output[Normal], node.Output[Sum]] : [node.Output[Normal]],
                GraphNodes.Attribute(Epsilon, epsilon),
                GraphNodes.Attribute("sum", hasSum ? 1 : 0),
                GraphNodes.Attribute("bias", hasBias ? 1 : 0));
        }
    }

    /// <summary>Replaces ONNX Runtime's SkipSimplifiedLayerNormalization, and the scaling by a factor per row before it.</summary>
    public static void RmsNormalize(GraphNodes nodes)
    {
        foreach (var node in nodes.Of("SkipSimplifiedLayerNormalization").Where(node => node.Input.Count == RmsInputs && HasPlainOutputs(node)))
        {
            var (x, factors) = nodes.Unscaled(node.Input[0]);
            bool hasSum = node.Output.Count > Sum && node.Output[Sum].Length > 0;
            string[] inputs = [x, .. node.Input.Skip(1)];
            float epsilon = node.Attribute.Single(attribute => attribute.Name == Epsilon).F;
            nodes.Replace(
                node,
                RmsNormalizeRows.Operator.Name,
                factors is null ? inputs : [.. inputs, factors],
                hasSum ? [node.Output[Normal], node.Output[Sum]] : [node.Output[Normal]],
                GraphNodes.Attribute(Epsilon, epsilon),
                GraphNodes.Attribute("sum", hasSum ? 1 : 0));
        }
    }

    /// <summary>Replaces gate · sigmoid(gate) · up, and the scaling of both products by the same factor per row.</summary>
    public static void Gate(GraphNodes nodes)
    {
        foreach (var node in nodes.Of("Mul"))
        {
            if (nodes.Maker(node.Input[0], "Mul") is { } silu
                && nodes.Readers(node.Input[0]) == 1
                && nodes.Maker(silu.Input[1], "Sigmoid") is { } sigmoid
                && sigmoid.Input[0] == silu.Input[0])
            {
                string gate = silu.Input[0], up = node.Input[1];
                bool isScaled = nodes.Scaled(gate) is { Factors: { } } scaled && nodes.Scaled(up).Factors == scaled.Factors;
                string[] inputs = isScaled ? [nodes.Scaled(gate).Product, nodes.Scaled(up).Product, nodes.Scaled(gate).Factors!] : [gate, up];
                nodes.Replace(node, GateRows.Operator.Name, inputs, node.Output);
            }
        }
    }

    /// <summary>Replaces products with a weight matrix from a file. The weights leave the graph if nothing else reads them.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="folder">Folder of its weights.</param>
    /// <param name="owner">Number of their <see cref="PackedWeights"/>.</param>
    public static void Multiply(GraphNodes nodes, string folder, long owner)
    {
        foreach (var node in nodes.Of("MatMul").Concat(nodes.Of("Gemm")).Concat(nodes.Of("FusedMatMul")))
        {
            bool transposed = node.OpType is "FusedMatMul" or "Gemm" && node.Attribute is [{ Name: "transB", I: 1 }];
            if ((node.Attribute.Count == 0 || transposed) && nodes.Matrix(node.Input[1], folder) is { } weight)
            {
                nodes.Replace(
                    node,
                    MultiplyRows.Operator.Name,
                    [node.Input[0], .. node.Input.Skip(2)],
                    node.Output,
                    GraphNodes.Attribute("weight", weight.Name),
                    GraphNodes.Attribute("file", weight.File),
                    GraphNodes.Attribute("offset", weight.Offset),
                    GraphNodes.Attribute("rows", weight.Rows),
                    GraphNodes.Attribute("columns", weight.Columns),
                    GraphNodes.Attribute("transposed", transposed ? 1 : 0),
                    GraphNodes.Attribute("owner", owner));
            }
        }
    }

    /// <summary>Moves the factor per row and the bias of an int8 product into the attention that reads it.</summary>
    public static void ScaleInAttention(GraphNodes nodes)
    {
        foreach (var node in nodes.Of(SlotAttention.Name))
        {
            // A reshape just before attention splits the product's rows into rows and tokens.
            if (nodes.Maker(node.Input[0], "Reshape") is { } reshape
                && nodes.Readers(node.Input[0]) == 1
                && nodes.Maker(reshape.Input[0], "Add") is { } biased
                && nodes.Readers(reshape.Input[0]) == 1
                && nodes.Unscaled(biased.Input[0]) is (var product, { } factors))
            {
                reshape.Input[0] = product;
                node.Input.Add([factors, biased.Input[1]]);
            }
        }
    }

    // Nodes with other inputs or outputs stay with ONNX Runtime.
    private static bool IsWhole(NodeProto node) =>
        node.Input.Count >= Bias
        && node.Input.All(name => name.Length > 0)
        && HasPlainOutputs(node);

    private static bool HasPlainOutputs(NodeProto node) =>
        node.Output.Skip(1).Take(Sum - 1).All(name => name.Length == 0) && node.Attribute.Count(attribute => attribute.Name == Epsilon) == 1;
}
