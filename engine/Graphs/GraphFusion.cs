using System.Globalization;
using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>Replaces parts of loaded graphs by this program's operators. The files do not change: every engine reads them.</summary>
internal static class GraphFusion
{
    private const string Cache = "past_key_values.";
    private const string Rotary = "do_rotary", Window = "local_window_size";
    private const int PastKeys = 3, Cosines = 7, Sines = 8;  // inputs of GroupQueryAttention
    private static readonly string[] KnownAttention = ["num_heads", "kv_num_heads", Rotary, Window];

    /// <summary>The operators without a cache. They live as long as the process.</summary>
    public static OperatorDomain RowOperators { get; } = new(
        OperatorDomain.Name,
        QuantizeRows.Operator,
        GeluRows.Operator,
        GeluRows.ToBytes,
        NormalizeRows.Operator,
        NormalizeRows.ToBytes,
        RmsNormalizeRows.Operator,
        RmsNormalizeRows.ToBytes,
        GateRows.Operator,
        GateRows.ToBytes,
        MultiplyRows.Operator,
        SequenceAttention.Operator);

    /// <summary>Fuses row operations, which any graph may have and ONNX has no single operator for.</summary>
    /// <param name="model">Changed in place.</param>
    /// <param name="folder">Folder of its weights.</param>
    /// <param name="owner">Number of their <see cref="PackedWeights"/>.</param>
    /// <param name="threads">Threads of the session; 0 means one per processor.</param>
    public static void FuseRows(ModelProto model, string folder, long owner, int threads = 0)
    {
        var nodes = new GraphNodes(model.Graph);
        RowFusion.Quantize(nodes);
        RowFusion.Gelu(nodes);
        RowFusion.Gate(nodes);
        RowFusion.Normalize(nodes);
        RowFusion.RmsNormalize(nodes);
        nodes.RemoveUnread();                                // so that nodes replaced above no longer count as readers
        RowFusion.QuantizeInMakers(nodes);
        RowFusion.ScaleInAttention(nodes);
        if (PanelProduct.IsSupported)
        {
            RowFusion.Multiply(nodes, folder, owner);
            SequenceFusion.Fuse(nodes, threads);
        }

        nodes.RemoveUnread();
        Import(model, OperatorDomain.Name);
    }

    /// <summary>Replaces a decoder's attention and its past and present values by attention over a <see cref="SlotCache"/>.</summary>
    /// <param name="graph">Changed in place.</param>
    /// <exception cref="RequestFault">The graph has no such attention, another form of it, or contradicts its metadata.</exception>
    public static void UseSlotAttention(GraphFile graph)
    {
        var (model, path) = (graph.Model, graph.Path);
        var layers = new HashSet<int>();
        var nodes = new GraphNodes(model.Graph);
        var attention = nodes.Of("GroupQueryAttention");
        if (attention.Count == 0)
        {
            throw RequestFault.Unusable($"{path} has no attention over a cache", "", "Export the model again: trainer export.");
        }

        foreach (var node in attention)
        {
            int layer = Layer(node, graph);
            if (layer >= graph.Shape.Layers || !layers.Add(layer))
            {
                throw RequestFault.Unusable(
                    $"{path} has attention of layer {layer} twice, or beyond its {graph.Shape.Layers}",
                    "",
                    "Export the model again: trainer export.");
            }

            UseSlotAttention(nodes, node, layer);
        }

        Remove(model.Graph.Input, Cache);
        Remove(model.Graph.Output, "present.");
        nodes.RemoveUnread();
        Import(model, OperatorDomain.SlotsName);
    }

    // Queries, keys and values come side by side in one input, or apart; with tables of angles they are turned.
    private static void UseSlotAttention(GraphNodes nodes, NodeProto node, int layer)
    {
        var own = GraphNodes.Attribute("layer", layer);
        if (node.Input[1].Length == 0)
        {
            nodes.Replace(node, SlotAttention.Name, [node.Input[0]], [node.Output[0]], own);
        }
        else
        {
            string[] angles = Integer(node, Rotary) == 1 ? [node.Input[Cosines], node.Input[Sines]] : [];
            var window = GraphNodes.Attribute("window", Integer(node, Window));
            nodes.Replace(node, SlotAttention.GroupedName, [.. node.Input.Take(3), .. angles], [node.Output[0]], own, window);
        }

        node.Domain = OperatorDomain.SlotsName;
    }

    private static long Integer(NodeProto node, string name) => node.Attribute.FirstOrDefault(attribute => attribute.Name == name)?.I ?? 0;

    private static int Layer(NodeProto node, GraphFile graph)
    {
        string path = graph.Path;
        bool isApart = node.Input.Count > 1 && node.Input[1].Length > 0, isTurned = node.Input.Count > Sines;
        var other = node.Attribute.FirstOrDefault(attribute => !KnownAttention.Contains(attribute.Name)
            || (attribute.Name == Rotary && (attribute.I != 0) != (isApart && isTurned))
            || (attribute.Name == Window && !isApart));
        if (other is not null)
        {
            throw RequestFault.Unusable(
                $"{path} has attention with {other.Name}, which this service does not have",
                "",
                "Export the model with this project's trainer.");
        }

        if (Integer(node, "num_heads") != graph.Shape.Heads || Integer(node, "kv_num_heads") != graph.Shape.KeyValueHeads
            || graph.Shape.Heads % graph.Shape.KeyValueHeads != 0 || (!isApart && graph.Shape.Heads != graph.Shape.KeyValueHeads))
        {
            throw RequestFault.Unusable(
                $"{path} has attention with another number of heads than the {graph.Shape.Heads} of its metadata",
                "",
                "Export the model again: trainer export.");
        }

        // past_key_values.LAYER.key
        string[] name = node is { Input.Count: > PastKeys, Output.Count: > 0 } ? node.Input[PastKeys].Split('.') : [];
        return name is ["past_key_values", var number, "key"] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
            ? layer
            : throw RequestFault.Unusable($"{path} has attention without a cache of its layer", "", "Export the model again: trainer export.");
    }

    private static void Remove(ICollection<ValueInfoProto> values, string prefix)
    {
        foreach (var value in values.Where(value => value.Name.StartsWith(prefix, StringComparison.Ordinal)).ToArray())
        {
            values.Remove(value);
        }
    }

    private static void Import(ModelProto model, string domain) => model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
}
