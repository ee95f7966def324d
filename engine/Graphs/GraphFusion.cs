using System.Globalization;
using Rudder.Engine.Kernels;
using Rudder.Onnx;

namespace Rudder.Engine.Graphs;

/// <summary>Replaces parts of loaded graphs by this program's operators. The files do not change: every engine reads them.</summary>
internal static class GraphFusion
{
    private const string Cache = "past_key_values.";
    private static readonly string[] PlainAttention = ["num_heads", "kv_num_heads", "do_rotary"];

    /// <summary>The operators without a cache. They live as long as the process.</summary>
    public static OperatorDomain RowOperators { get; } = new(
        OperatorDomain.Name,
        QuantizeRows.Operator,
        GeluRows.Operator,
        GeluRows.ToBytes,
        NormalizeRows.Operator,
        NormalizeRows.ToBytes,
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
        RowFusion.Normalize(nodes);
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

            nodes.Replace(node, SlotAttention.Name, [node.Input[0]], [node.Output[0]], GraphNodes.Attribute("layer", layer));
            node.Domain = OperatorDomain.SlotsName;
        }

        Remove(model.Graph.Input, Cache);
        Remove(model.Graph.Output, "present.");
        nodes.RemoveUnread();
        Import(model, OperatorDomain.SlotsName);
    }

    private static int Layer(NodeProto node, GraphFile graph)
    {
        string path = graph.Path;
        var other = node.Attribute.FirstOrDefault(attribute => !PlainAttention.Contains(attribute.Name) || (attribute.Name == "do_rotary" && attribute.I != 0));
        if (other is not null)
        {
            throw RequestFault.Unusable(
                $"{path} has attention with {other.Name}, which this service does not have",
                "",
                "Export the model with this project's trainer.");
        }

        if (node.Attribute.Any(attribute => attribute.Name.EndsWith("num_heads", StringComparison.Ordinal) && attribute.I != graph.Shape.Heads))
        {
            throw RequestFault.Unusable(
                $"{path} has attention with another number of heads than the {graph.Shape.Heads} of its metadata",
                "",
                "Export the model again: trainer export.");
        }

        // past_key_values.LAYER.key
        string[] name = node is { Input.Count: > 3, Output.Count: > 0 } ? node.Input[3].Split('.') : [];
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
