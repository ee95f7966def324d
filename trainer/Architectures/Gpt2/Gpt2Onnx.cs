using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Architectures.Gpt2;

/// <summary>
/// The body of a GPT-2 in its graphs. B rows, T tokens, N = B·T, R chosen rows, D width. Products run on flat [N, D] states.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="weights">Float32 weights by canonical name.</param>
/// <param name="data">File of the unquantized weights: embeddings, normalization, biases.</param>
/// <param name="projections">float32, int8 or float16 products.</param>
internal sealed class Gpt2Onnx(Gpt2Config config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections) : IDecoderBody
{
    private readonly int _width = config.HiddenSize;

    public ExternalTensor Vocabulary => Tensor(config.HasHead ? WeightNames.Head : WeightNames.Embedding, config.VocabularySize, _width);

    /// <summary>Embeddings, blocks and final normalization of the chosen rows, [R,D].</summary>
    public string States(OnnxGraph graph, SequenceInputs inputs)
    {
        string flat = graph.Node("Reshape", [inputs.Ids, graph.Int64(-1)]);                                       // [N]
        string tokens = graph.Node("Gather", [graph.Weight(Tensor(WeightNames.Embedding, config.VocabularySize, _width)), flat]); // [N,D]
        string places = graph.Node("Gather", [graph.Weight(Tensor("wpe.weight", config.Context, _width)), inputs.Positions]);
        (string normal, string residual) = Normalize(graph, tokens, places, "h.0.ln_1", null);
        string qkvShape = graph.Node("Concat", [inputs.Shape, graph.Int64(3L * _width)], [("axis", 0)]);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            bool isLast = layer == config.Layers - 1;
            string prefix = $"h.{layer}.";
            string qkv = projections.Multiply(graph, normal, Weight(prefix + "attn.c_attn", _width, 3 * _width), Bias(prefix + "attn.c_attn"));
            qkv = ScaleQueries(graph, qkv, layer);
            string context = Attend(graph, inputs, layer, graph.Node("Reshape", [qkv, qkvShape]));              // [B,T,D]
            context = graph.Node("Reshape", [context, graph.Int64(-1, _width)]);                                 // [N,D]
            if (isLast)                                                             // after this attention only the chosen rows are needed
            {
                context = graph.Node("Gather", [context, inputs.Rows]);                                           // [R,D]
                residual = graph.Node("Gather", [residual, inputs.Rows]);
            }

            string attended = projections.Multiply(graph, context, Weight(prefix + "attn.c_proj", _width, _width));
            (normal, residual) = Normalize(graph, attended, residual, prefix + "ln_2", Bias(prefix + "attn.c_proj"));
            string mlp = Mlp(graph, normal, prefix);
            string next = isLast ? "ln_f" : $"h.{layer + 1}.ln_1";
            (normal, residual) = Normalize(graph, mlp, residual, next, Bias(prefix + "mlp.c_proj"));
        }

        return normal;
    }

    private string Mlp(OnnxGraph graph, string normal, string prefix)
    {
        Matrix first = Weight(prefix + "mlp.c_fc", _width, config.InnerSize), second = Weight(prefix + "mlp.c_proj", config.InnerSize, _width);
        if (config.Activation == Gpt2Config.Relu)
        {
            string positive = graph.Node("Relu", [projections.Multiply(graph, normal, first, Bias(prefix + "mlp.c_fc"))]);
            return projections.Multiply(graph, positive, second, lowest: Activations.ReluLowest);
        }

        string gelu = config.Activation == Gpt2Config.ExactGelu ? "BiasGelu" : "FastGelu";
        string inner = projections.Multiply(graph, normal, first); // before its bias: weights lie in the file in this order
        string active = graph.Node(gelu, [inner, graph.Weight(Bias(prefix + "mlp.c_fc"))], domain: OnnxGraph.Microsoft);
        return projections.Multiply(graph, active, second, lowest: Activations.GeluLowest);
    }

    /// <summary>Queries, keys and values [N,3D], with the queries scaled as the block wants and attention does not.</summary>
    private string ScaleQueries(OnnxGraph graph, string qkv, int layer)
    {
        double factor = config.QueryFactor(layer);
        if (factor == 1)
        {
            return qkv;
        }

        float[] factors = [.. Enumerable.Repeat((float)factor, _width), .. Enumerable.Repeat(1f, 2 * _width)];
        return graph.Node("Mul", [qkv, graph.Weight(data.Float($"{WeightNames.ConstantPrefix}h.{layer}.queries", [3L * _width], () => factors))]);
    }

    private string Attend(OnnxGraph graph, SequenceInputs inputs, int layer, string qkv)
    {
        string output = $"{qkv}_attended";
        graph.Node(
            "GroupQueryAttention",
            [qkv, "", "", .. inputs.Past(layer), inputs.Last, inputs.Total],
            [output, .. inputs.Present(layer)],
            [("num_heads", config.Heads), ("kv_num_heads", config.Heads), ("do_rotary", 0)],
            OnnxGraph.Microsoft);
        return output;
    }

    /// <summary>Layer normalization of x + skip + bias, and that sum.</summary>
    private (string Normal, string Sum) Normalize(OnnxGraph graph, string x, string skip, string name, ExternalTensor? bias)
    {
        string normal = $"{name}.out", sum = $"{name}.residual";
        string[] inputs = [x, skip, graph.Weight(Tensor(name + ".weight", _width)), graph.Weight(Bias(name))];
        graph.Node(
            "SkipLayerNormalization",
            bias is null ? inputs : [.. inputs, graph.Weight(bias)],
            name == "ln_f" ? [normal] : [normal, "", "", sum],
            [("epsilon", (float)config.LayerNormEpsilon)],
            OnnxGraph.Microsoft);
        return (normal, sum);
    }

    /// <summary>A weight in the Conv1D layout of GPT-2 checkpoints, already inputs × outputs.</summary>
    private Matrix Weight(string name, int inputs, int outputs) => new(name + ".weight", inputs, outputs, () => weights[name + ".weight"]);

    private ExternalTensor Bias(string name) => Tensor(name + ".bias", weights[name + ".bias"].Length);

    private ExternalTensor Tensor(string name, params long[] shape) => data.Float(name, shape, () => weights[name]);
}
