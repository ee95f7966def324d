namespace Rudder.Checkpoints;

/// <summary>How a graph's weights and products are stored and computed.</summary>
public enum GraphPrecision
{
    /// <summary>float32, the reference.</summary>
    Fp32,

    /// <summary>8-bit weights with one scale per column; activations are quantized per row at run time.</summary>
    Int8,

    /// <summary>float16, for GPUs.</summary>
    Fp16,
}

/// <summary>File names of an exported model. They follow Optimum, so that transformers.js and Optimum find the graphs.</summary>
public static class GraphFiles
{
    /// <summary>The folder of the graphs inside a model folder.</summary>
    public const string Folder = "onnx";

    /// <summary>Maximum graph size in bytes, without weights. A graph of 1,024 layers has 3 MB.</summary>
    public const int LargestGraph = 4 << 20;

    /// <summary>The graph that scores given completions of a language model, in float32.</summary>
    public const string LogProbs = "logprobs.onnx";

    /// <summary>The model's main graph: a language model's decoder with its key-value cache, or a classifier.</summary>
    /// <param name="precision">The graph's precision.</param>
    /// <returns>A file name inside <see cref="Folder"/>.</returns>
    public static string Model(GraphPrecision precision) => precision switch
    {
        GraphPrecision.Int8 => "model_quantized.onnx",
        GraphPrecision.Fp16 => "model_fp16.onnx",
        _ => "model.onnx",
    };

    /// <summary>The file of external weights that comes with the graphs of one precision.</summary>
    /// <param name="precision">The precision. That of <see cref="GraphPrecision.Fp32"/> also holds int8 graphs' float32 weights.</param>
    /// <returns>A file name inside <see cref="Folder"/>.</returns>
    public static string Weights(GraphPrecision precision) => Model(precision) + "_data";

    /// <summary>A precision as metadata and <c>export.json</c> spell it.</summary>
    /// <param name="precision">Any precision.</param>
    /// <returns><c>fp32</c>, <c>int8</c> or <c>fp16</c>.</returns>
    public static string Name(GraphPrecision precision) => precision.ToString().ToLowerInvariant();

    /// <summary>Reads a graph file without its external weights.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file cannot be read or is larger than <see cref="LargestGraph"/>.</exception>
    public static byte[] Read(string path) => BoundedFile.Read(path, LargestGraph);
}
