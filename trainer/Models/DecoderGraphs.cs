using Rudder.Checkpoints;
using Rudder.Trainer.Graphs;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Trainer.Models;

/// <summary>A decoder family's part of its graphs: everything between the inputs and the vocabulary.</summary>
internal interface IDecoderBody
{
    /// <summary>Output matrix, [V,D].</summary>
    ExternalTensor Vocabulary { get; }

    /// <summary>The final hidden states of the chosen rows, [R,D].</summary>
    string States(OnnxGraph graph, SequenceInputs inputs);
}

/// <summary>
/// The graphs of any decoder: the decoder itself, which extends a key-value cache and gives the next token's logits; the log-prob graph, which
/// gives logits at chosen positions of whole sequences; and of a classifier the graph that gives its labels' logits.
/// </summary>
/// <param name="config">The model's shape.</param>
/// <param name="weights">Float32 weights by checkpoint name.</param>
/// <param name="data">File of the unquantized weights. Cache and logits have its type.</param>
/// <param name="projections">float32, int8 or float16 products.</param>
/// <param name="body">The family's part.</param>
internal sealed class DecoderGraphs(
    ModelConfig config, IReadOnlyDictionary<string, float[]> weights, ExternalData data, IProjections projections, IDecoderBody body)
{
    /// <summary>The graphs of one precision: scores are measurements, so only float32 has a log-prob graph.</summary>
    /// <returns>File name and graph of each.</returns>
    public IEnumerable<(string File, OnnxGraph Graph)> All()
    {
        if (config.IsClassifier)
        {
            yield return (GraphFiles.Model(projections.Precision), Classifier());
            yield break;
        }

        yield return (GraphFiles.Model(projections.Precision), Decoder());
        if (projections.Precision == GraphPrecision.Fp32)
        {
            yield return (GraphFiles.LogProbs, LogProbs());
        }
    }

    /// <summary>
    /// input_ids [B,T], attention_mask [B,total], position_ids [B,T], past_key_values.i.key|value [B,K,P,E]
    /// to logits [B,1,V] of each row's last token and present.i.key|value.
    /// </summary>
    private OnnxGraph Decoder()
    {
        var graph = new OnnxGraph("decoder");
        string states = body.States(graph, SequenceInputs.Cached(graph));                                       // [B,D]
        Vocabulary(graph, states, tokenAxis: true);                                                             // [B,1,V]
        graph.Output("logits", data.FloatType, "batch_size", 1, config.VocabularySize);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            foreach (string part in (string[])["key", "value"])
            {
                graph.Input($"past_key_values.{layer}.{part}", data.FloatType, "batch_size", config.KeyValueHeads, "past_sequence_length", config.HeadSize);
                graph.Output($"present.{layer}.{part}", data.FloatType, "batch_size", config.KeyValueHeads, "total_sequence_length", config.HeadSize);
            }
        }

        return graph;
    }

    /// <summary>input_ids [B,T], padded on the right, and flat positions [R] = b·T + t to logits [R,V].</summary>
    private OnnxGraph LogProbs()
    {
        var graph = new OnnxGraph("logprobs");
        string ids = graph.Input("input_ids", DataType.Int64, "batch_size", "sequence_length");
        string rows = graph.Input("positions", DataType.Int64, "positions");
        Vocabulary(graph, body.States(graph, SequenceInputs.Whole(graph, ids, graph.Node("Shape", [ids]), rows)), tokenAxis: false);
        graph.Output("logits", DataType.Float, "positions", config.VocabularySize);
        return graph;
    }

    /// <summary>
    /// input_ids [B,T] and attention_mask [B,T] (ones, then zeros) to logits [B,L] of each row's last token that is neither masked nor the
    /// padding id, as <see cref="SequenceHead"/> computes them.
    /// </summary>
    private OnnxGraph Classifier()
    {
        var graph = new OnnxGraph("classifier");
        string ids = graph.Input("input_ids", DataType.Int64, "batch_size", "sequence_length");
        string mask = graph.Input("attention_mask", DataType.Int64, "batch_size", "sequence_length");
        string shape = graph.Node("Shape", [ids]);
        string rows = SequenceInputs.LastUnpadded(graph, ids, mask, shape, config.PadId!.Value);
        string state = body.States(graph, SequenceInputs.Whole(graph, ids, shape, rows));                       // [B,D]
        var head = new Matrix(
            SequenceHead.WeightName,
            config.HiddenSize,
            config.Labels.Count,
            () => Quantization.Transpose(weights[SequenceHead.WeightName], config.Labels.Count, config.HiddenSize));
        graph.Node("Identity", [projections.Multiply(graph, state, head)], output: "logits");
        graph.Output("logits", DataType.Float, "batch_size", config.Labels.Count);
        return graph;
    }

    private void Vocabulary(OnnxGraph graph, string states, bool tokenAxis) =>
        projections.MultiplyByTable(graph, states, body.Vocabulary, weights[body.Vocabulary.Name], "logits", tokenAxis);
}
