using System.Buffers.Binary;
using Rudder.Onnx;
using AttributeType = Rudder.Onnx.AttributeProto.Types.AttributeType;

namespace Rudder.Engine.Graphs;

/// <summary>
/// The nodes that the exporter writes. All others are refused before ONNX Runtime reads them, because some that it accepts end the process.
/// </summary>
/// <remarks>
/// The rules cover the operator, the inputs and outputs that a node has, and the values of its attributes. Without an input that the
/// operator needs, ONNX Runtime reads through a null pointer; with a head count of 2^62 it divides by zero. An operator that makes a tensor
/// of a given size must take the size from the graph's inputs, which requests limit. A size in the file could ask for any amount of memory.
/// </remarks>
internal static class GraphRules
{
    private const string Microsoft = "com.microsoft";
    private const int MostHeads = 4096;
    private const int MostTokens = 1 << 24;

    // The forms of each operator's inputs: x is a value, - is an omitted input. Of further outputs only the number is checked.
    private static readonly Dictionary<(string Domain, string Operator), Form> Forms = new()
    {
        [("", "Abs")] = new(["x"]),
        [("", "Add")] = new(["xx"]),
        [("", "Cast")] = new(["x"], [("to", 1, 16)]),
        [("", "Concat")] = new(["xx"], [("axis", 0, 2)]),
        [("", "CumSum")] = new(["xx"]),
        [("", "Expand")] = new(["xx"]),
        [("", "Gather")] = new(["xx"], [("axis", 0, 2)]),
        [("", "Gemm")] = new(["xxx"], [("transB", 0, 1)]),
        [("", "Identity")] = new(["x"]),
        [("", "LayerNormalization")] = new(["xxx"], [("axis", -1, -1), ("epsilon", 0, 1)]),
        [("", "MatMul")] = new(["xx"]),
        [("", "Max")] = new(["xx"]),
        [("", "Min")] = new(["xx"]),
        [("", "Mul")] = new(["xx"]),
        [("", "QuantizeLinear")] = new(["xxx"], [("axis", 0, 2)]),
        [("", "Range")] = new(["xxx"]),
        [("", "ReduceMax")] = new(["x"], [("axes", 0, 2), ("keepdims", 0, 1)]),
        [("", "ReduceSum")] = new(["xx"], [("keepdims", 0, 1)]),
        [("", "Relu")] = new(["x"]),
        [("", "Reshape")] = new(["xx"]),
        [("", "Shape")] = new(["x"]),
        [("", "Sigmoid")] = new(["x"]),
        [("", "SimplifiedLayerNormalization")] = new(["xx"], [("axis", -1, -1), ("epsilon", 0, 1), ("stash_type", 1, 1)]),
        [("", "Slice")] = new(["xxx"]),
        [("", "Split")] = new(["xx"], [("axis", 0, 2)], Outputs: 3),
        [("", "Sub")] = new(["xx"]),
        [("", "Tanh")] = new(["x"]),
        [("", "Unsqueeze")] = new(["xx"]),
        [(Microsoft, "BiasGelu")] = new(["xx"]),
        [(Microsoft, "FastGelu")] = new(["xx"]),
        [(Microsoft, "FusedMatMul")] = new(["xx"], [("transB", 0, 1)]),
        [(Microsoft, "GroupQueryAttention")] = new(
            ["x----xx", "x--xxxx", "xxx--xx", "xxxxxxx", "xxx--xxxx", "xxxxxxxxx"],
            [("num_heads", 1, MostHeads), ("kv_num_heads", 1, MostHeads), ("do_rotary", 0, 1), ("local_window_size", 1, MostTokens)],
            Outputs: 3),
        [(Microsoft, "MatMulIntegerToFloat")] = new(["xxxxxx"]),
        [(Microsoft, "MultiHeadAttention")] = new(["xxxxx"], [("num_heads", 1, MostHeads)]),
        [(Microsoft, "SkipSimplifiedLayerNormalization")] = new(["xxx"], [("epsilon", 0, 1)], Outputs: 4),
        [(Microsoft, "SkipLayerNormalization")] = new(["xxxx", "xxxxx"], [("epsilon", 0, 1)], Outputs: 4),
    };

    // The input that decides the size of the operator's output.
    private static readonly Dictionary<string, int> SizeInputs = new() { ["Expand"] = 1, ["Range"] = 1, ["GroupQueryAttention"] = 6 };

    /// <summary>The first thing in a graph that no export writes, as the end of a sentence about its file; null if there is none.</summary>
    /// <param name="graph">The graph.</param>
    public static string? Fault(GraphProto graph) =>
        graph.Node.Select(Fault).FirstOrDefault(fault => fault is not null) ?? SizeFault(graph);

    private static string? SizeFault(GraphProto graph)
    {
        var constants = graph.Initializer.ToLookup(tensor => tensor.Name);
        var inputs = graph.Input.Select(value => value.Name).Where(name => !constants.Contains(name)).ToHashSet(StringComparer.Ordinal);
        var sizes = new HashSet<string>(StringComparer.Ordinal);         // axes of the graph's inputs; nodes are in topological order
        foreach (var node in graph.Node)
        {
            bool isSize = node.OpType switch
            {
                "Shape" => inputs.Contains(node.Input[0]),
                "Gather" => sizes.Contains(node.Input[0]) && IsInteger(constants[node.Input[1]]),
                "Slice" or "Cast" => sizes.Contains(node.Input[0]),
                _ => false,
            };
            if (isSize)
            {
                sizes.Add(node.Output[0]);
            }

            bool isBounded = !SizeInputs.TryGetValue(node.OpType, out int at) || sizes.Contains(node.Input[at]);
            bool isCount = node.OpType != "Range" || (IsInteger(constants[node.Input[0]], 0) && IsInteger(constants[node.Input[2]], 1));
            if (!isBounded || !isCount)
            {
                return $"has the operator {Shown(node)} with a size that no export writes; the limit is the size of the graph's inputs";
            }
        }

        return null;
    }

    // Whether a tensor is a constant scalar integer, with the given value if there is one.
    private static bool IsInteger(IEnumerable<TensorProto> tensors, long? value = null) =>
        tensors.FirstOrDefault() is
        {
            DataType: TensorProto.Types.DataType.Int64, Dims.Count: 0, RawData.Length: sizeof(long), DataLocation: TensorProto.Types.DataLocation.Default
        } tensor
        && (value is null || BinaryPrimitives.ReadInt64LittleEndian(tensor.RawData.Span) == value);

    private static string? Fault(NodeProto node)
    {
        if (!Forms.TryGetValue((node.Domain, node.OpType), out var form))
        {
            return $"has the operator {Shown(node)}, which no export writes";
        }

        string inputs = string.Concat(node.Input.Select(name => name.Length > 0 ? 'x' : '-'));
        if (!form.Inputs.Contains(inputs) || node.Output.Count < 1 || node.Output.Count > form.Outputs || node.Output[0].Length == 0)
        {
            return $"has the operator {Shown(node)} with inputs or outputs that no export writes";
        }

        var other = node.Attribute.FirstOrDefault(attribute => !form.Allows(attribute));
        return other is null ? null : $"has the operator {Shown(node)} with a value of {Shown(other.Name)} that no export writes";
    }

    private static string Shown(NodeProto node) => Shown(node.Domain.Length == 0 ? node.OpType : $"{node.Domain}.{node.OpType}");

    // Names come from the file: shows letters, digits, '.' and '_' only, and 64 of them at most.
    private static string Shown(string name) =>
        string.Concat(name.Where(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_').Take(64)) is { Length: > 0 } shown ? shown : "without a name";

    /// <summary>How the exporter writes an operator.</summary>
    /// <param name="Inputs">The allowed forms of its inputs.</param>
    /// <param name="Attributes">Its attributes with the range of their values. A node may omit any of them.</param>
    /// <param name="Outputs">Maximum number of outputs.</param>
    private sealed record Form(string[] Inputs, (string Name, double Low, double High)[]? Attributes = null, int Outputs = 1)
    {
        public bool Allows(AttributeProto attribute)
        {
            foreach (var (name, low, high) in Attributes ?? [])
            {
                if (attribute.Name == name)
                {
                    return attribute.Type switch
                    {
                        AttributeType.Int => attribute.I >= low && attribute.I <= high,
                        AttributeType.Float => attribute.F >= low && attribute.F <= high,
                        AttributeType.Ints => attribute.Ints.Count == 1 && attribute.Ints[0] >= low && attribute.Ints[0] <= high,
                        _ => false,
                    };
                }
            }

            return false;
        }
    }
}
