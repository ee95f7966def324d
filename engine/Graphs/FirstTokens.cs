using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>
/// Leaves out what nobody reads: a classifier's head looks at each sequence's first token alone, so after the last attention, which
/// mixes tokens, all work on rows is needed for that one only. The results are the same; of RoBERTa's last layer a quarter of the products is left.
/// </summary>
internal static class FirstTokens
{
    private static readonly HashSet<string> OnRows =
    [
        "MatMul", "Gemm", "MatMulIntegerToFloat", "Unsqueeze", "Mul", "Add", "BiasGelu", "SkipLayerNormalization",
        MultiplyRows.Operator.Name, GeluRows.Operator.Name, GeluRows.ToBytes.Name, NormalizeRows.Operator.Name, NormalizeRows.ToBytes.Name, QuantizeRows.Operator.Name,
    ];

    /// <summary>Takes first tokens right after the last attention instead of at the end, where everything between works row by row.</summary>
    public static void Fuse(GraphNodes nodes)
    {
        var attention = nodes.Of(SequenceAttention.Operator.Name).Concat(nodes.Of("MultiHeadAttention")).LastOrDefault();
        NodeProto[] first = [.. nodes.Of("Gather").Where(nodes.IsFirstOfTokens)];
        if (attention is null
            || first is not [var taking]
            || nodes.Maker(taking.Input[0], "Reshape") is not { } unflattened
            || nodes.Readers(taking.Input[0]) != 1
            || nodes.IsOutput(taking.Output[0])
            || nodes.OnlyReader(attention.Output[0], "Reshape") is not { } flattened
            || Between(nodes, flattened, unflattened) is not { } work)
        {
            return;
        }

        string[] skipped = [.. work.SelectMany(node => node.Input).Where(name => nodes.IsMade(name) && !work.Any(node => node.Output.Contains(name))).Distinct()];
        if (skipped.Length == 2 && skipped.Contains(flattened.Output[0]))
        {
            Move(nodes, work, skipped.Single(name => name != flattened.Output[0]), unflattened, taking);
            TakeFirst(nodes, attention, flattened, taking.Input[1]);
        }
    }

    /// <summary>The nodes from attention's result to the end, if all of them work row by row and nobody else reads what they make.</summary>
    private static List<NodeProto>? Between(GraphNodes nodes, NodeProto flattened, NodeProto unflattened)
    {
        var reached = new HashSet<string>(flattened.Output);
        List<NodeProto> work = [];
        foreach (var node in nodes.All.Where(node => node != unflattened))
        {
            if (!node.Input.Any(reached.Contains))
            {
                continue;
            }

            if (!WorksOnRows(node, reached))
            {
                return null;
            }

            work.Add(node);
            reached.UnionWith(node.Output.Where(name => name.Length > 0));
        }

        return reached.Contains(unflattened.Input[0]) && nodes.Readers(unflattened.Input[0]) == 1 && !reached.Any(nodes.IsOutput) ? work : null;
    }

    /// <summary>Whether each row that a node makes comes from that row alone: of a product the rows are the first factor, as they lie.</summary>
    private static bool WorksOnRows(NodeProto node, HashSet<string> rows) =>
        OnRows.Contains(node.OpType)
        && (node.OpType is not ("MatMul" or "Gemm" or "MatMulIntegerToFloat") || (rows.Contains(node.Input[0]) && !node.Input.Skip(1).Any(rows.Contains)))
        && (node.OpType != "Gemm" || node.Attribute.Count == 0);

    /// <summary>The two nodes that took first tokens at the end take those of what skips attention, at the beginning.</summary>
    private static void Move(GraphNodes nodes, List<NodeProto> work, string skipped, NodeProto unflattened, NodeProto taking)
    {
        nodes.Reread(taking.Output[0], unflattened.Input[0]);
        nodes.MoveBefore(work[0], unflattened, taking);
        unflattened.Input[0] = skipped;
        foreach (var node in work)
        {
            for (int i = 0; i < node.Input.Count; i++)
            {
                node.Input[i] = node.Input[i] == skipped ? taking.Output[0] : node.Input[i];
            }
        }
    }

    private static void TakeFirst(GraphNodes nodes, NodeProto attention, NodeProto flattened, string zero)
    {
        if (attention.OpType == SequenceAttention.Operator.Name)
        {
            attention.Attribute.Single(attribute => attribute.Name == SequenceAttention.First).I = 1;
            return;
        }

        var first = new NodeProto { OpType = "Gather", Name = attention.Name + ".first" };
        first.Input.Add([attention.Output[0], zero]);
        first.Output.Add(attention.Output[0] + ".first");
        first.Attribute.Add(GraphNodes.Attribute("axis", 1));
        nodes.InsertBefore(flattened, first);
        flattened.Input[0] = first.Output[0];
    }
}
