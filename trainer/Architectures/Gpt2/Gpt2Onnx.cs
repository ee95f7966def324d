using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using Rudder.Trainer.Models;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Trainer.Architectures.Gpt2;

/// <summary>
/// The graphs of a GPT-2: the decoder, which extends a key-value cache and gives the next token's logits; the log-prob graph, which
/// gives logits at chosen positions of whole sequences; and of a classifier the graph that gives its labels' logits.
/// B rows, T tokens, N = B·T, R chosen rows, D width, H heads, V vocabulary, L labels. Products run on flat [N, D] states.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="weights">Float32 weights by canonical name.</param>
/// <param name="data">File of the unquantized weights: embeddings, normalization, biases. Cache and logits have its type.</param>
/// <param name="projections">float32, int8 or float16 products.</param>
internal sealed class Gpt2Onnx(Gpt2Config config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections)
{
    private readonly int _width = config.HiddenSize;

    /// <summary>
    /// input_ids [B,T], attention_mask [B,total], position_ids [B,T], past_key_values.i.key|value [B,H,P,D/H]
    /// to logits [B,1,V] of each row's last token and present.i.key|value.
    /// </summary>
    public OnnxGraph Decoder()
    {
        var graph = new OnnxGraph("decoder");
        string ids = graph.Input("input_ids", DataType.Int64, "batch_size", "sequence_length");
        string mask = graph.Input("attention_mask", DataType.Int64, "batch_size", "total_sequence_length");
        string positions = graph.Input("position_ids", DataType.Int64, "batch_size", "sequence_length");
        string valid = graph.Node("ReduceSum", [mask, graph.Int64(1)], [("keepdims", 0)]);                      // [B]
        string last = graph.Node("Cast", [graph.Node("Sub", [valid, graph.Int64(1)])], [("to", (int)DataType.Int32)]);
        string totalLength = graph.Node("Gather", [graph.Node("Shape", [mask]), graph.Int64Scalar(1)]);
        string total = graph.Node("Cast", [totalLength], [("to", (int)DataType.Int32)]);                        // []
        var body = new Body(
            ids,
            graph.Node("Reshape", [positions, graph.Int64(-1)]),
            LastRows(graph, ids, valid),
            (layer, qkv) => CachedAttention(graph, layer, qkv, last, total));
        Vocabulary(graph, Forward(graph, body), tokenAxis: true);                                               // [B,1,V]
        graph.Output("logits", data.FloatType, "batch_size", 1, config.VocabularySize);
        DeclareCache(graph);
        return graph;
    }

    /// <summary>input_ids [B,T], padded on the right, and flat positions [R] = b·T + t to logits [R,V].</summary>
    public OnnxGraph LogProbs()
    {
        var graph = new OnnxGraph("logprobs");
        string ids = graph.Input("input_ids", DataType.Int64, "batch_size", "sequence_length");
        string positions = graph.Input("positions", DataType.Int64, "positions");
        Vocabulary(graph, Forward(graph, Whole(graph, ids, graph.Node("Shape", [ids]), positions)), tokenAxis: false);
        graph.Output("logits", DataType.Float, "positions", config.VocabularySize);
        return graph;
    }

    /// <summary>
    /// input_ids [B,T] and attention_mask [B,T] (ones, then zeros) to logits [B,L] of each row's last token that is neither masked nor the
    /// padding id, as <see cref="SequenceHead"/> computes them.
    /// </summary>
    public OnnxGraph Classifier()
    {
        var graph = new OnnxGraph("classifier");
        string ids = graph.Input("input_ids", DataType.Int64, "batch_size", "sequence_length");
        string mask = graph.Input("attention_mask", DataType.Int64, "batch_size", "sequence_length");
        string shape = graph.Node("Shape", [ids]);
        string batch = graph.Node("Gather", [shape, graph.Int64Scalar(0)]);
        string tokens = graph.Node("Gather", [shape, graph.Int64Scalar(1)]);
        string distance = graph.Node("Abs", [graph.Node("Sub", [ids, graph.Int64(config.PadId!.Value)])]);
        string valid = graph.Node("Mul", [graph.Node("Min", [distance, graph.Int64(1)]), mask]);                // 1 where no padding [B,T]
        string places = graph.Node("Mul", [valid, graph.Node("Range", [graph.Int64Scalar(0), tokens, graph.Int64Scalar(1)])]);
        string last = graph.Node("ReduceMax", [places], [("axes", (long[])[1]), ("keepdims", 0)]);              // [B]
        string rows = graph.Node("Range", [graph.Int64Scalar(0), batch, graph.Int64Scalar(1)]);
        rows = graph.Node("Add", [graph.Node("Mul", [rows, tokens]), last]);                                    // b·T + last [B]
        string state = Forward(graph, Whole(graph, ids, shape, rows));                                          // [B,D]
        var head = new Matrix(
            SequenceHead.WeightName,
            _width,
            config.Labels.Count,
            () => Quantization.Transpose(weights[SequenceHead.WeightName], config.Labels.Count, _width));
        graph.Node("Identity", [projections.Multiply(graph, state, head)], output: "logits");
        graph.Output("logits", DataType.Float, "batch_size", config.Labels.Count);
        return graph;
    }

    /// <summary>A body over whole sequences, padded on the right: position t of every row is t, and there is no cache.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="ids">[B,T]</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="rows">[R], flat rows to keep after the last attention.</param>
    private Body Whole(OnnxGraph graph, string ids, string shape, string rows)
    {
        string tokens = graph.Node("Gather", [shape, graph.Int64Scalar(1)]);
        string one = graph.Int64Scalar(1);
        string row = graph.Node("Range", [graph.Int64Scalar(0), tokens, one]);                                  // [T]
        string total = graph.Node("Cast", [tokens], [("to", (int)DataType.Int32)]);
        string lastToken = graph.Node("Cast", [graph.Node("Sub", [tokens, one])], [("to", (int)DataType.Int32)]);
        string batch = graph.Node("Slice", [shape, graph.Int64(0), graph.Int64(1)]);
        string last = graph.Node("Expand", [lastToken, batch]);                                                 // [B]
        return new Body(
            ids,
            graph.Node("Reshape", [graph.Node("Expand", [row, shape]), graph.Int64(-1)]),
            rows,
            (_, qkv) => Attention(graph, qkv, ["", ""], ["", ""], last, total));
    }

    private void Vocabulary(OnnxGraph graph, string hidden, bool tokenAxis) =>
        projections.MultiplyByTable(graph, hidden, Table, weights["wte.weight"], "logits", tokenAxis);

    /// <summary>Embeddings, blocks and final normalization of the chosen rows, [R,D].</summary>
    private string Forward(OnnxGraph graph, Body body)
    {
        string flat = graph.Node("Reshape", [body.Ids, graph.Int64(-1)]);                                       // [N]
        string tokens = graph.Node("Gather", [graph.Weight(Table), flat]);                                      // [N,D]
        string places = graph.Node("Gather", [graph.Weight(Tensor("wpe.weight", config.Context, _width)), body.Positions]);
        (string normal, string residual) = Normalize(graph, tokens, places, "h.0.ln_1", null);
        string qkvShape = graph.Node("Concat", [graph.Node("Shape", [body.Ids]), graph.Int64(3L * _width)], [("axis", 0)]);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            bool isLast = layer == config.Layers - 1;
            string prefix = $"h.{layer}.";
            string qkv = projections.Multiply(graph, normal, Weight(prefix + "attn.c_attn", _width, 3 * _width), Bias(prefix + "attn.c_attn"));
            string context = body.Attend(layer, graph.Node("Reshape", [qkv, qkvShape]));                        // [B,T,D]
            context = graph.Node("Reshape", [context, graph.Int64(-1, _width)]);                                 // [N,D]
            if (isLast)                                                             // after this attention only the chosen rows are needed
            {
                context = graph.Node("Gather", [context, body.Rows]);                                           // [R,D]
                residual = graph.Node("Gather", [residual, body.Rows]);
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
        string inner = projections.Multiply(graph, normal, Weight(prefix + "mlp.c_fc", _width, config.InnerSize));
        string active = graph.Node("FastGelu", [inner, graph.Weight(Bias(prefix + "mlp.c_fc"))], domain: OnnxGraph.Microsoft);
        return projections.Multiply(graph, active, Weight(prefix + "mlp.c_proj", config.InnerSize, _width), lowest: Activations.GeluLowest);
    }

    private string CachedAttention(OnnxGraph graph, int layer, string qkv, string last, string total)
    {
        string[] past = [$"past_key_values.{layer}.key", $"past_key_values.{layer}.value"];
        string[] present = [$"present.{layer}.key", $"present.{layer}.value"];
        return Attention(graph, qkv, past, present, last, total);
    }

    private string Attention(OnnxGraph graph, string qkv, string[] past, string[] present, string last, string total)
    {
        string output = $"{qkv}_attended";
        graph.Node(
            "GroupQueryAttention",
            [qkv, "", "", .. past, last, total],
            [output, .. present],
            [("num_heads", config.Heads), ("kv_num_heads", config.Heads), ("do_rotary", 0)],
            OnnxGraph.Microsoft);
        return output;
    }

    /// <summary>Flat index of each row's last token: b·T + min(valid_b − 1, T − 1), [B].</summary>
    private static string LastRows(OnnxGraph graph, string ids, string valid)
    {
        string shape = graph.Node("Shape", [ids]);
        string batch = graph.Node("Gather", [shape, graph.Int64Scalar(0)]);
        string tokens = graph.Node("Gather", [shape, graph.Int64Scalar(1)]);
        string column = graph.Node("Sub", [graph.Node("Min", [valid, tokens]), graph.Int64(1)]);
        string rows = graph.Node("Range", [graph.Int64Scalar(0), batch, graph.Int64Scalar(1)]);
        return graph.Node("Add", [graph.Node("Mul", [rows, tokens]), column]);
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

    private void DeclareCache(OnnxGraph graph)
    {
        int size = _width / config.Heads;
        for (int layer = 0; layer < config.Layers; layer++)
        {
            foreach (string part in (string[])["key", "value"])
            {
                graph.Input($"past_key_values.{layer}.{part}", data.FloatType, "batch_size", config.Heads, "past_sequence_length", size);
                graph.Output($"present.{layer}.{part}", data.FloatType, "batch_size", config.Heads, "total_sequence_length", size);
            }
        }
    }

    private ExternalTensor Table => Tensor("wte.weight", config.VocabularySize, _width);

    /// <summary>A weight in the Conv1D layout of GPT-2 checkpoints, already inputs × outputs.</summary>
    private Matrix Weight(string name, int inputs, int outputs) => new(name + ".weight", inputs, outputs, () => weights[name + ".weight"]);

    private ExternalTensor Bias(string name) => Tensor(name + ".bias", weights[name + ".bias"].Length);

    private ExternalTensor Tensor(string name, params long[] shape) => data.Float(name, shape, () => weights[name]);

    /// <summary>The parts that differ between the two graphs.</summary>
    /// <param name="Ids">[B,T]</param>
    /// <param name="Positions">[N], rows of the position table.</param>
    /// <param name="Rows">[R], flat rows to keep after the last attention.</param>
    /// <param name="Attend">(layer, qkv [B,T,3D]) to [B,T,D].</param>
    private sealed record Body(string Ids, string Positions, string Rows, Func<int, string, string> Attend);
}
