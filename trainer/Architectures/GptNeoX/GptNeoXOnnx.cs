using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.GptNeoX;

/// <summary>
/// The body of a GPT-NeoX in its graphs. B rows, T tokens, N = B·T, R chosen rows, D width, H heads, E head size. Products run on flat
/// [N, D] states.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="weights">Float32 weights by checkpoint name.</param>
/// <param name="data">File of the unquantized weights: embeddings, normalization, biases, angles.</param>
/// <param name="projections">float32 or int8 products.</param>
internal sealed class GptNeoXOnnx(GptNeoXConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections) : IDecoderBody
{
    private readonly RotaryGraph _rotary = new(config.Rotary, config.Context, config.HeadSize, config.RotarySize, data);
    private readonly int _width = config.HiddenSize;

    public ExternalTensor Vocabulary => Tensor(GptNeoXWeights.Head, config.VocabularySize, _width);

    public string States(OnnxGraph graph, SequenceInputs inputs)
    {
        string flat = graph.Node("Reshape", [inputs.Ids, graph.Int64(-1)]);                                     // [N]
        string state = graph.Node("Gather", [graph.Weight(Tensor(GptNeoXWeights.Embedding, config.VocabularySize, _width)), flat]);
        Angles? angles = _rotary.KernelTurns ? null : _rotary.At(graph, inputs.Positions);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            string prefix = $"gpt_neox.layers.{layer}.";
            string context = Attend(graph, inputs, layer, Normalize(graph, state, prefix + "input_layernorm"), angles);   // [B,T,D]
            context = graph.Node("Reshape", [context, graph.Int64(-1, _width)]);                                // [N,D]
            if (layer == config.Layers - 1)                                         // after this attention only the chosen rows are needed
            {
                context = graph.Node("Gather", [context, inputs.Rows]);                                         // [R,D]
                state = graph.Node("Gather", [state, inputs.Rows]);
            }

            string attended = graph.Node("Add", [state, Multiply(graph, context, prefix + "attention.dense", _width, _width)]);
            string normal = Normalize(graph, config.IsParallel ? state : attended, prefix + "post_attention_layernorm");
            state = graph.Node("Add", [attended, FeedForward(graph, normal, prefix + "mlp.")]);
        }

        return Normalize(graph, state, "gpt_neox.final_layer_norm");
    }

    private string Attend(OnnxGraph graph, SequenceInputs inputs, int layer, string normal, Angles? angles)
    {
        string prefix = $"gpt_neox.layers.{layer}.attention.";
        string product = Multiply(graph, normal, prefix + "query_key_value", _width, 3 * _width);               // [N,3D]
        string byHeads = graph.Node("Reshape", [product, graph.Int64(-1, config.Heads, 3L * config.HeadSize)]); // [N,H,3E]
        string[] parts = [prefix + "query", prefix + "key", prefix + "value"];                                  // 3 × [N,H,E]
        graph.Node("Split", [byHeads, graph.Int64(config.HeadSize, config.HeadSize, config.HeadSize)], parts, [("axis", 2)]);
        if (angles is not null)
        {
            (parts[0], parts[1]) = (_rotary.Turn(graph, parts[0], angles), _rotary.Turn(graph, parts[1], angles));
        }

        string shape = graph.Node("Concat", [inputs.Shape, graph.Int64(_width)], [("axis", 0)]);
        string output = prefix + "attended";
        graph.Node(
            "GroupQueryAttention",
            [
                .. parts.Select(part => graph.Node("Reshape", [part, shape])), .. inputs.Past(layer), inputs.Last, inputs.Total,
                .. _rotary.KernelTurns ? _rotary.Tables(graph) : [],
            ],
            [output, .. inputs.Present(layer)],
            [("num_heads", config.Heads), ("kv_num_heads", config.Heads), ("do_rotary", _rotary.KernelTurns ? 1 : 0)],
            OnnxGraph.Microsoft);
        return output;
    }

    private string FeedForward(OnnxGraph graph, string normal, string prefix)
    {
        string inner = projections.Multiply(graph, normal, Weight(prefix + "dense_h_to_4h", _width, config.InnerSize));
        string active = graph.Node("BiasGelu", [inner, graph.Weight(Bias(prefix + "dense_h_to_4h"))], domain: OnnxGraph.Microsoft);
        return projections.Multiply(
            graph, active, Weight(prefix + "dense_4h_to_h", config.InnerSize, _width), Bias(prefix + "dense_4h_to_h"), Activations.GeluLowest);
    }

    private string Normalize(OnnxGraph graph, string x, string name) => graph.Node(
        "LayerNormalization",
        [x, graph.Weight(Tensor(name + ".weight", _width)), graph.Weight(Bias(name))],
        [("axis", -1), ("epsilon", (float)config.LayerNormEpsilon)]);

    private string Multiply(OnnxGraph graph, string x, string name, int inputs, int outputs) =>
        projections.Multiply(graph, x, Weight(name, inputs, outputs), Bias(name));

    private Matrix Weight(string name, int inputs, int outputs) => new(name + ".weight", inputs, outputs, () => weights[name + ".weight"], OutputsFirst: true);

    private ExternalTensor Bias(string name) => Tensor(name + ".bias", weights[name + ".bias"].Length);

    private ExternalTensor Tensor(string name, params long[] shape) => data.Float(name, shape, () => weights[name]);
}
