using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Trainer.Architectures.Roberta;

/// <summary>
/// The classifier graph of a RoBERTa: input_ids [B,T] and attention_mask [B,T] (ones, then zeros) to logits [B,L].
/// B rows, T tokens, N = B·T, D width, L labels. Products run on flat [N, D] states.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="weights">Float32 weights by canonical name.</param>
/// <param name="data">File of the weights that stay float32: embeddings, normalization, biases.</param>
/// <param name="projections">float32 or int8 products.</param>
internal sealed class RobertaOnnx(RobertaConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections)
{
    private const string Embeddings = "roberta.embeddings.";

    private readonly int _width = config.HiddenSize;

    /// <summary>Builds the graph.</summary>
    public OnnxGraph Classifier()
    {
        var graph = new OnnxGraph("classifier");
        string ids = graph.Input("input_ids", DataType.Int64, "batch_size", "sequence_length");
        string mask = graph.Input("attention_mask", DataType.Int64, "batch_size", "sequence_length");
        string keyMask = graph.Node("Cast", [mask], [("to", (int)DataType.Int32)]);                             // [B,T]
        string shape = graph.Node("Concat", [graph.Node("Shape", [ids]), graph.Int64(_width)], [("axis", 0)]);
        string state = Embed(graph, ids, mask);                                                                 // [N,D]
        for (int layer = 0; layer < config.Layers; layer++)
        {
            state = Block(graph, state, layer, shape, keyMask);                                                 // [N,D]; [B,D] after the last
        }

        string dense = projections.Multiply(graph, state, Linear("classifier.dense", _width, _width), Bias("classifier.dense"));
        string head = graph.Node("Tanh", [dense]);
        string logits = projections.Multiply(graph, head, Linear("classifier.out_proj", _width, config.Labels.Count), Bias("classifier.out_proj"));
        graph.Node("Identity", [logits], output: "logits");
        graph.Output("logits", DataType.Float, "batch_size", config.Labels.Count);
        return graph;
    }

    /// <summary>Word + position + the one token type, normalized. Positions start after the padding id, as in every RoBERTa.</summary>
    private string Embed(OnnxGraph graph, string ids, string mask)
    {
        string counted = graph.Node("Mul", [graph.Node("CumSum", [mask, graph.Int64Scalar(1)]), mask]);
        string positions = graph.Node("Add", [counted, graph.Int64Scalar(PaddingId)]);
        string flat = graph.Int64(-1);
        string words = graph.Node(
            "Gather",
            [graph.Weight(Tensor(Embeddings + "word_embeddings.weight", config.VocabularySize, _width)), graph.Node("Reshape", [ids, flat])]);
        string places = graph.Node(
            "Gather",
            [graph.Weight(Tensor(Embeddings + "position_embeddings.weight", config.MaxPositions, _width)), graph.Node("Reshape", [positions, flat])]);
        ExternalTensor type = data.Float(
            Embeddings + "token_type_embeddings.weight.0", [_width], () => weights[Embeddings + "token_type_embeddings.weight"][.._width]);
        return Normalize(graph, words, places, Embeddings + "LayerNorm", type);
    }

    private string Block(OnnxGraph graph, string state, int layer, string shape, string keyMask)
    {
        string prefix = $"roberta.encoder.layer.{layer}.";
        string context = Attend(graph, state, prefix, shape, keyMask);                                          // [B,T,D]
        if (layer == config.Layers - 1)                 // after this attention the head needs only the first tokens
        {
            context = First(graph, context);                                                                    // [B,D]
            state = First(graph, graph.Node("Reshape", [state, shape]));                                        // [B,D]
        }
        else
        {
            context = graph.Node("Reshape", [context, graph.Int64(-1, _width)]);                                 // [N,D]
        }

        string output = prefix + "attention.output.";
        string attended = projections.Multiply(graph, context, Linear(output + "dense", _width, _width));
        string middle = Normalize(graph, attended, state, output + "LayerNorm", Bias(output + "dense"));
        string inner = projections.Multiply(graph, middle, Linear(prefix + "intermediate.dense", _width, config.IntermediateSize));
        string active = graph.Node("BiasGelu", [inner, graph.Weight(Bias(prefix + "intermediate.dense"))], domain: OnnxGraph.Microsoft);
        string outer = projections.Multiply(graph, active, Linear(prefix + "output.dense", config.IntermediateSize, _width), lowest: Activations.GeluLowest);
        return Normalize(graph, outer, middle, prefix + "output.LayerNorm", Bias(prefix + "output.dense"));
    }

    /// <summary>One product for queries, keys and values, then attention that skips padding keys.</summary>
    private string Attend(OnnxGraph graph, string state, string prefix, string shape, string keyMask)
    {
        string self = prefix + "attention.self.";
        var qkvWeight = new Matrix(self + "qkv.weight", _width, 3 * _width, () => FusedWeight(self));
        ExternalTensor qkvBias = data.Float(self + "qkv.bias", [3L * _width], () => [.. Parts(self, "bias").SelectMany(part => part)]);
        string qkv = projections.Multiply(graph, state, qkvWeight);                                             // [N,3D]
        string[] parts = [.. Parts3.Select(part => $"{self}{part}.out")];
        graph.Node("Split", [qkv, graph.Int64(_width, _width, _width)], parts, [("axis", 1)]);
        string[] shaped = [.. parts.Select(part => graph.Node("Reshape", [part, shape]))];                      // 3 x [B,T,D]
        return graph.Node(
            "MultiHeadAttention",
            [.. shaped, graph.Weight(qkvBias), keyMask],
            [("num_heads", config.Heads)],
            OnnxGraph.Microsoft);
    }

    /// <summary>The first token of each row: [B,T,D] to [B,D].</summary>
    private static string First(OnnxGraph graph, string states) => graph.Node("Gather", [states, graph.Int64Scalar(0)], [("axis", 1)]);

    private string Normalize(OnnxGraph graph, string x, string skip, string name, ExternalTensor bias) => graph.Node(
        "SkipLayerNormalization",
        [x, skip, graph.Weight(Tensor(name + ".weight", _width)), graph.Weight(Bias(name)), graph.Weight(bias)],
        [("epsilon", (float)config.LayerNormEpsilon)],
        OnnxGraph.Microsoft,
        name + ".out");

    private static readonly string[] Parts3 = ["query", "key", "value"];

    private IEnumerable<float[]> Parts(string self, string kind) => Parts3.Select(part => weights[$"{self}{part}.{kind}"]);

    /// <summary>Query, key and value weights side by side, [D, 3D].</summary>
    private float[] FusedWeight(string self)
    {
        float[] stacked = [.. Parts(self, "weight").SelectMany(part => part)];                                  // [3D, D]
        return Quantization.Transpose(stacked, 3 * _width, _width);
    }

    private int PaddingId => config.PadId ?? throw new CheckpointException($"config.json has no pad_token_id; RoBERTa counts positions from it. Add it (1 in the published models).");

    /// <summary>A weight of the checkpoint's Linear layout, outputs × inputs, transposed.</summary>
    private Matrix Linear(string name, int inputs, int outputs) =>
        new(name + ".weight", inputs, outputs, () => Quantization.Transpose(weights[name + ".weight"], outputs, inputs));

    private ExternalTensor Bias(string name) => Tensor(name + ".bias", weights[name + ".bias"].Length);

    private ExternalTensor Tensor(string name, params long[] shape) => data.Float(name, shape, () => weights[name]);
}
