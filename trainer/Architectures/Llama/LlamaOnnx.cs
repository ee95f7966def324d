using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.Llama;

/// <summary>
/// The body of a decoder built like Llama in its graphs. B rows, T tokens, N = B·T, R chosen rows, D width, H heads, K key and value
/// heads, E head size, I inner size, C context. Products run on flat [N, D] states.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="weights">Float32 weights by checkpoint name.</param>
/// <param name="data">File of the unquantized weights: embeddings, normalization, biases, angles.</param>
/// <param name="projections">float32 or int8 products.</param>
internal sealed class LlamaOnnx(LlamaConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections) : IDecoderBody
{
    private readonly RotaryGraph _rotary = new(config.Rotary, config.Context, config.HeadSize, config.HeadSize, data);
    private readonly int _queries = config.Heads * config.HeadSize, _keys = config.KeyValueHeads * config.HeadSize;

    public ExternalTensor Vocabulary => Tensor(config.HasHead ? WeightNames.Head : WeightNames.LlamaEmbedding, config.VocabularySize, config.HiddenSize);

    public string States(OnnxGraph graph, SequenceInputs inputs)
    {
        string flat = graph.Node("Reshape", [inputs.Ids, graph.Int64(-1)]);                                     // [N]
        string state = graph.Node("Gather", [graph.Weight(Tensor(WeightNames.LlamaEmbedding, config.VocabularySize, config.HiddenSize)), flat]);
        string normal = Normalize(graph, state, "model.layers.0.input_layernorm", config.HiddenSize);           // [N,D]
        Angles? angles = _rotary.KernelTurns ? null : _rotary.At(graph, inputs.Positions);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            bool isLast = layer == config.Layers - 1;
            string prefix = $"model.layers.{layer}.";
            string context = Attend(graph, inputs, layer, normal, angles);                                      // [B,T,HE]
            context = graph.Node("Reshape", [context, graph.Int64(-1, _queries)]);                              // [N,HE]
            if (isLast)                                                             // after this attention only the chosen rows are needed
            {
                context = graph.Node("Gather", [context, inputs.Rows]);                                         // [R,HE]
                state = graph.Node("Gather", [state, inputs.Rows]);
            }

            string attended = Multiply(graph, context, prefix + "self_attn.o_proj", _queries, config.HiddenSize, config.AttentionBias);
            (normal, state) = AddNormalize(graph, attended, state, prefix + "post_attention_layernorm", isEnd: false);
            string fed = FeedForward(graph, normal, prefix + "mlp.");
            (normal, state) = AddNormalize(graph, fed, state, isLast ? "model.norm" : $"model.layers.{layer + 1}.input_layernorm", isLast);
        }

        return normal;
    }

    private string Attend(OnnxGraph graph, SequenceInputs inputs, int layer, string normal, Angles? angles)
    {
        string prefix = $"model.layers.{layer}.self_attn.";
        string queries = Heads(graph, inputs, normal, prefix + "q", config.Heads, angles);                      // [B,T,HE]
        string keys = Heads(graph, inputs, normal, prefix + "k", config.KeyValueHeads, angles);                 // [B,T,KE]
        string values = Multiply(graph, normal, prefix + "v_proj", config.HiddenSize, _keys, config.QueryBias); // [N,KE]
        string output = prefix + "attended";
        (string, object)[] attributes = [("num_heads", config.Heads), ("kv_num_heads", config.KeyValueHeads), ("do_rotary", _rotary.KernelTurns ? 1 : 0)];
        graph.Node(
            "GroupQueryAttention",
            [
                queries, keys, ByTokens(graph, inputs, values, _keys), .. inputs.Past(layer), inputs.Last, inputs.Total,
                .. _rotary.KernelTurns ? _rotary.Tables(graph) : [],
            ],
            [output, .. inputs.Present(layer)],
            config.Window is int window ? [.. attributes, ("local_window_size", window)] : attributes,
            OnnxGraph.Microsoft);
        return output;
    }

    /// <summary>Queries or keys, normalized per head where the model does so, and turned unless attention turns them.</summary>
    private string Heads(OnnxGraph graph, SequenceInputs inputs, string normal, string name, int count, Angles? angles)
    {
        int width = count * config.HeadSize;
        string product = Multiply(graph, normal, name + "_proj", config.HiddenSize, width, config.QueryBias);   // [N,count·E]
        if (config.NormalizesHeads || angles is not null)
        {
            product = graph.Node("Reshape", [product, graph.Int64(-1, count, config.HeadSize)]);                // [N,count,E]
            product = config.NormalizesHeads ? Normalize(graph, product, name + "_norm", config.HeadSize) : product;
            product = angles is null ? product : _rotary.Turn(graph, product, angles);
        }

        return ByTokens(graph, inputs, product, width);
    }

    private static string ByTokens(OnnxGraph graph, SequenceInputs inputs, string rows, int width) =>
        graph.Node("Reshape", [rows, graph.Node("Concat", [inputs.Shape, graph.Int64(width)], [("axis", 0)])]); // [B,T,width]

    /// <summary>SwiGLU: down(silu(gate(x)) · up(x)).</summary>
    private string FeedForward(OnnxGraph graph, string normal, string prefix)
    {
        string gate = Multiply(graph, normal, prefix + "gate_proj", config.HiddenSize, config.InnerSize, config.FeedForwardBias);
        string up = Multiply(graph, normal, prefix + "up_proj", config.HiddenSize, config.InnerSize, config.FeedForwardBias);
        string silu = graph.Node("Mul", [gate, graph.Node("Sigmoid", [gate])]);
        return Multiply(graph, graph.Node("Mul", [silu, up]), prefix + "down_proj", config.InnerSize, config.HiddenSize, config.FeedForwardBias);
    }

    private string Normalize(OnnxGraph graph, string x, string name, int size) => graph.Node(
        "SimplifiedLayerNormalization",
        [x, graph.Weight(Tensor(name + ".weight", size))],
        [("axis", -1), ("epsilon", (float)config.LayerNormEpsilon), ("stash_type", 1)]);

    /// <summary>RMS normalization of x + skip, and that sum unless it is the end of the model.</summary>
    private (string Normal, string Sum) AddNormalize(OnnxGraph graph, string x, string skip, string name, bool isEnd)
    {
        string normal = $"{name}.out", sum = $"{name}.residual";
        graph.Node(
            "SkipSimplifiedLayerNormalization",
            [x, skip, graph.Weight(Tensor(name + ".weight", config.HiddenSize))],
            isEnd ? [normal] : [normal, "", "", sum],
            [("epsilon", (float)config.LayerNormEpsilon)],
            OnnxGraph.Microsoft);
        return (normal, sum);
    }

    private string Multiply(OnnxGraph graph, string x, string name, int inputs, int outputs, bool bias) => projections.Multiply(
        graph,
        x,
        new Matrix(name + ".weight", inputs, outputs, () => weights[name + ".weight"], OutputsFirst: true),
        bias ? Tensor(name + ".bias", outputs) : null);

    private ExternalTensor Tensor(string name, params long[] shape) => data.Float(name, shape, () => weights[name]);
}
