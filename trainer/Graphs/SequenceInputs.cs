using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Trainer.Graphs;

/// <summary>What a decoder's body gets from the inputs of its graph. B rows, T tokens, N = B·T, R chosen rows.</summary>
/// <param name="Ids">Token ids, [B,T].</param>
/// <param name="Shape">Their shape, [2].</param>
/// <param name="Positions">Position of every token in its row, [N].</param>
/// <param name="Rows">Flat rows to keep after the last attention, [R].</param>
/// <param name="Last">Index of each row's last token, as attention counts them, int32 [B].</param>
/// <param name="Total">Longest row with its past, int32 [].</param>
/// <param name="IsCached">Whether attention extends a key-value cache.</param>
internal sealed record SequenceInputs(string Ids, string Shape, string Positions, string Rows, string Last, string Total, bool IsCached)
{
    private static readonly string[] None = ["", ""];

    /// <summary>Names of a layer's cached keys and values; empty ones without a cache.</summary>
    public string[] Past(int layer) => IsCached ? [$"past_key_values.{layer}.key", $"past_key_values.{layer}.value"] : None;

    /// <summary>Names of a layer's extended keys and values; empty ones without a cache.</summary>
    public string[] Present(int layer) => IsCached ? [$"present.{layer}.key", $"present.{layer}.value"] : None;

    /// <summary>The inputs of a decoder with a cache; it keeps each row's last token.</summary>
    public static SequenceInputs Cached(OnnxGraph graph)
    {
        string ids = graph.Input("input_ids", DataType.Int64, "batch_size", "sequence_length");
        string mask = graph.Input("attention_mask", DataType.Int64, "batch_size", "total_sequence_length");
        string positions = graph.Input("position_ids", DataType.Int64, "batch_size", "sequence_length");
        string valid = graph.Node("ReduceSum", [mask, graph.Int64(1)], [("keepdims", 0)]);                      // [B]
        string last = graph.Node("Cast", [graph.Node("Sub", [valid, graph.Int64(1)])], [("to", (int)DataType.Int32)]);
        string totalLength = graph.Node("Gather", [graph.Node("Shape", [mask]), graph.Int64Scalar(1)]);
        string total = graph.Node("Cast", [totalLength], [("to", (int)DataType.Int32)]);                        // []
        string shape = graph.Node("Shape", [ids]);
        return new SequenceInputs(
            ids, shape, graph.Node("Reshape", [positions, graph.Int64(-1)]), LastRows(graph, shape, valid), last, total, IsCached: true);
    }

    /// <summary>Whole sequences, padded on the right: position t of every row is t, and there is no cache.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="ids">[B,T]</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="rows">[R], flat rows to keep.</param>
    public static SequenceInputs Whole(OnnxGraph graph, string ids, string shape, string rows)
    {
        string tokens = graph.Node("Gather", [shape, graph.Int64Scalar(1)]);
        string one = graph.Int64Scalar(1);
        string row = graph.Node("Range", [graph.Int64Scalar(0), tokens, one]);                                  // [T]
        string total = graph.Node("Cast", [tokens], [("to", (int)DataType.Int32)]);
        string lastToken = graph.Node("Cast", [graph.Node("Sub", [tokens, one])], [("to", (int)DataType.Int32)]);
        string batch = graph.Node("Slice", [shape, graph.Int64(0), graph.Int64(1)]);
        string last = graph.Node("Expand", [lastToken, batch]);                                                 // [B]
        string positions = graph.Node("Reshape", [graph.Node("Expand", [row, shape]), graph.Int64(-1)]);
        return new SequenceInputs(ids, shape, positions, rows, last, total, IsCached: false);
    }

    /// <summary>Flat index of each row's last token that is neither masked nor the padding id, [B]; a row without any gives its first.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="ids">[B,T]</param>
    /// <param name="mask">[B,T], ones and then zeros.</param>
    /// <param name="shape">Shape of the ids.</param>
    /// <param name="paddingId">The padding id.</param>
    public static string LastUnpadded(OnnxGraph graph, string ids, string mask, string shape, int paddingId)
    {
        string batch = graph.Node("Gather", [shape, graph.Int64Scalar(0)]);
        string tokens = graph.Node("Gather", [shape, graph.Int64Scalar(1)]);
        string distance = graph.Node("Abs", [graph.Node("Sub", [ids, graph.Int64(paddingId)])]);
        string valid = graph.Node("Mul", [graph.Node("Min", [distance, graph.Int64(1)]), mask]);                // 1 where no padding [B,T]
        string places = graph.Node("Mul", [valid, graph.Node("Range", [graph.Int64Scalar(0), tokens, graph.Int64Scalar(1)])]);
        string last = graph.Node("ReduceMax", [places], [("axes", (long[])[1]), ("keepdims", 0)]);              // [B]
        string rows = graph.Node("Range", [graph.Int64Scalar(0), batch, graph.Int64Scalar(1)]);
        return graph.Node("Add", [graph.Node("Mul", [rows, tokens]), last]);                                    // b·T + last [B]
    }

    /// <summary>Flat index of each row's last token: b·T + min(valid_b − 1, T − 1), [B].</summary>
    private static string LastRows(OnnxGraph graph, string shape, string valid)
    {
        string batch = graph.Node("Gather", [shape, graph.Int64Scalar(0)]);
        string tokens = graph.Node("Gather", [shape, graph.Int64Scalar(1)]);
        string column = graph.Node("Sub", [graph.Node("Min", [valid, tokens]), graph.Int64(1)]);
        string rows = graph.Node("Range", [graph.Int64Scalar(0), batch, graph.Int64Scalar(1)]);
        return graph.Node("Add", [graph.Node("Mul", [rows, tokens]), column]);
    }
}
