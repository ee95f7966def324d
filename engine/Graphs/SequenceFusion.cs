using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>Replaces attention over whole sequences by <see cref="SequenceAttention"/>, in classifiers and log-prob graphs.</summary>
internal static class SequenceFusion
{
    private const string Heads = "num_heads", KeyHeads = "kv_num_heads", Rotary = "do_rotary";
    private const int Query = 0, Bias = 3, Mask = 4;         // inputs of MultiHeadAttention
    private const int Factors = 2;                           // of SequenceAttention

    /// <summary>Replaces attention of the supported forms; other forms stay with ONNX Runtime.</summary>
    /// <param name="nodes">The graph.</param>
    /// <param name="threads">Threads of the session; 0 means one per processor.</param>
    public static void Fuse(GraphNodes nodes, int threads)
    {
        foreach (var node in nodes.Of("MultiHeadAttention").Where(IsPlain))
        {
            if (Source(nodes, node) is { } qkv)
            {
                Replace(nodes, node, [qkv, node.Input[Mask], "", node.Input[Bias]], causal: false, threads);
            }
        }

        foreach (var node in nodes.Of("GroupQueryAttention").Where(IsWithoutCache))
        {
            Replace(nodes, node, [node.Input[Query]], causal: true, threads);
        }

        nodes.RemoveUnread();                                // the split of queries, keys and values
        foreach (var node in nodes.Of(SequenceAttention.Operator.Name).Where(node => node.Input.Count > Factors))
        {
            (node.Input[Query], string? factors) = nodes.Unscaled(node.Input[Query]);
            node.Input[Factors] = factors ?? "";
        }
    }

    private static void Replace(GraphNodes nodes, NodeProto node, string[] inputs, bool causal, int threads)
    {
        // If only the first tokens of the result are read, compute only those.
        var first = causal ? null : nodes.OnlyReader(node.Output[0], "Gather");
        first = first is not null && nodes.IsFirstOfTokens(first) ? first : null;
        string output = (first ?? node).Output[0];
        if (first is not null)
        {
            nodes.Remove(first);
        }

        nodes.Replace(
            node,
            SequenceAttention.Operator.Name,
            inputs,
            [output],
            GraphNodes.Attribute("heads", node.Attribute.Single(attribute => attribute.Name == Heads).I),
            GraphNodes.Attribute("causal", causal ? 1 : 0),
            GraphNodes.Attribute(SequenceAttention.First, first is null ? 0 : 1),
            GraphNodes.Attribute("threads", threads > 0 ? threads : Environment.ProcessorCount));
    }

    private static bool IsPlain(NodeProto node) =>
        node.Attribute is [{ Name: Heads }] && node.Input.Count == Mask + 1 && node.Input.All(name => name.Length > 0) && node.Output.Count == 1;

    /// <summary>Whether attention is causal over rows that arrive whole: no past, and no option such as rotary embedding.</summary>
    private static bool IsWithoutCache(NodeProto node)
    {
        var attributes = node.Attribute.ToDictionary(attribute => attribute.Name, attribute => attribute.I);
        return attributes.Keys.All(name => name is Heads or KeyHeads or Rotary)
            && attributes.GetValueOrDefault(Rotary) == 0
            && attributes.TryGetValue(Heads, out long heads)
            && attributes.TryGetValue(KeyHeads, out long keyHeads)
            && heads == keyHeads
            && node.Input is [{ Length: > 0 }, "", "", "", "", _, _]
            && node.Output.Skip(1).All(name => name.Length == 0);
    }

    /// <summary>Finds queries, keys and values side by side if the three are equal parts of one value; null otherwise.</summary>
    private static string? Source(GraphNodes nodes, NodeProto attention)
    {
        NodeProto? split = null;
        for (int part = 0; part < 3; part++)
        {
            var maker = nodes.Maker(attention.Input[part], "Reshape") is { } reshape ? nodes.Maker(reshape.Input[0], "Split") : null;
            split ??= maker;
            if (maker is null || maker != split || maker.Output.Count != 3 || maker.Output[part] != nodes.Maker(attention.Input[part], "Reshape")!.Input[0])
            {
                return null;
            }
        }

        bool byColumns = split!.Attribute is [{ Name: "axis", I: 1 }];
        bool equal = split.Input.Count == 2 && nodes.Integers(split.Input[1]) is [var first, var second, var third] && first == second && second == third;
        return byColumns && equal ? split.Input[0] : null;
    }
}
