using System.Globalization;

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

    // Protobuf: field 1 with the six letters of the key, then the tag of field 2. Its length and digits follow.
    private static ReadOnlySpan<byte> LengthKey => [0x0A, 6, (byte)'l', (byte)'e', (byte)'n', (byte)'g', (byte)'t', (byte)'h', 0x12];

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

    /// <summary>Bytes of a graph and of its external weights, as the graph states them; 0 if the graph is missing.</summary>
    /// <param name="modelFolder">The model.</param>
    /// <param name="graph">File name of the graph.</param>
    /// <exception cref="OverflowException">The stated sizes overflow.</exception>
    public static long BytesOf(string modelFolder, string graph)
    {
        string file = Path.Combine(modelFolder, Folder, graph);
        if (!File.Exists(file))
        {
            return 0;
        }

        ReadOnlySpan<byte> rest = Read(file);
        long sum = rest.Length;
        for (int at = rest.IndexOf(LengthKey); at >= 0; at = rest.IndexOf(LengthKey))
        {
            rest = rest[(at + LengthKey.Length)..];
            if (rest.Length > 0 && rest[0] < rest.Length
                && long.TryParse(rest.Slice(1, rest[0]), NumberStyles.None, CultureInfo.InvariantCulture, out long length))
            {
                sum = checked(sum + length);
            }
        }

        return sum;
    }
}
