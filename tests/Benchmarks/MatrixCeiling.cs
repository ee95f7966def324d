using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Graphs;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Benchmarks;

/// <summary>
/// The bound that matrix products set: the four products of every block, chained with their own weights, and the vocabulary
/// projection, as ONNX Runtime graphs with the engines' session settings and no other work.
/// </summary>
/// <remarks>
/// Each product reads the output of the one before from the processor's cache, as in the model. Where the next product is narrower
/// (c_attn gives 3D, c_proj takes D), it reads the first D columns. int8 products quantize their input themselves, with one scale for
/// all rows; the cost of a scale per row counts against the engines. Weights use huge pages, as the engines' do.
/// </remarks>
internal sealed class MatrixCeiling : IDisposable
{
    private const int Runs = 5;
    private readonly InferenceSession _blocks;
    private readonly InferenceSession _vocabulary;
    private readonly RunOptions _runOptions = new();
    private readonly int _width;
    private readonly int _vocabularySize;

    private MatrixCeiling(InferenceSession blocks, InferenceSession vocabulary, Gpt2Config config)
    {
        (_blocks, _vocabulary) = (blocks, vocabulary);
        (_width, _vocabularySize) = (config.HiddenSize, config.VocabularySize);
    }

    /// <summary>Writes the two graphs beside the model's own if they are missing, and opens them.</summary>
    /// <param name="modelFolder">A GPT-2 model folder.</param>
    /// <param name="precision">fp32 or int8.</param>
    /// <param name="threads">Threads of the products.</param>
    public static MatrixCeiling Open(string modelFolder, GraphPrecision precision, int threads)
    {
        var config = ModelConfig.Load<Gpt2Config>(modelFolder);
        string folder = Path.Combine(modelFolder, "products-" + precision.ToString().ToLowerInvariant());
        string blocks = Path.Combine(folder, "blocks.onnx"), vocabulary = Path.Combine(folder, "vocabulary.onnx");
        if (!File.Exists(vocabulary))
        {
            Directory.CreateDirectory(folder);
            Write(config, new Gpt2Family().ReadWeights(modelFolder, config), folder, precision);
        }

        using var options = GraphSession.Options(threads);
        var before = HugePages.LargeRanges();
        var ceiling = new MatrixCeiling(new InferenceSession(blocks, options), new InferenceSession(vocabulary, options), config);
        HugePages.Collapse(before);
        return ceiling;
    }

    /// <summary>
    /// Returns the seconds of one pass over all products: the mean of as many passes as the engine makes steps, so that pauses of the
    /// machine count in both.
    /// </summary>
    /// <param name="rows">Rows of every product.</param>
    /// <param name="passes">Number of passes.</param>
    public double Seconds(int rows, int passes) => Time(_blocks, rows, _width, passes).Average() + Time(_vocabulary, rows, _vocabularySize, passes).Average();

    /// <summary>
    /// Returns the seconds of one large pass, with separate numbers of rows for the blocks and the vocabulary projection: the median of
    /// a few passes.
    /// </summary>
    /// <param name="blockRows">Rows of the block products.</param>
    /// <param name="vocabularyRows">Rows of the vocabulary projection; 0: none.</param>
    public double ScoringSeconds(int blockRows, int vocabularyRows) =>
        Median.Of(Time(_blocks, blockRows, _width, Runs)) + (vocabularyRows > 0 ? Median.Of(Time(_vocabulary, vocabularyRows, _vocabularySize, Runs)) : 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        _runOptions.Dispose();
        _blocks.Dispose();
        _vocabulary.Dispose();
    }

    private double[] Time(InferenceSession session, int rows, int outputs, int passes)
    {
        using var input = new NativeBuffer<float>((long)rows * _width);
        using var output = new NativeBuffer<float>((long)rows * outputs);
        var random = new Random(rows);
        foreach (ref float value in input.Span(0, rows * _width))
        {
            value = random.NextSingle() - 0.5f;
        }

        using var binding = session.CreateIoBinding();
        using var x = input.View(0, rows, _width);
        using var y = output.View(0, rows, outputs);
        binding.BindInput("x", x);
        binding.BindOutput("y", y);
        session.RunWithBinding(_runOptions, binding);        // warm: memory of this shape
        double[] seconds = new double[passes];
        for (int run = 0; run < passes; run++)
        {
            long start = Stopwatch.GetTimestamp();
            session.RunWithBinding(_runOptions, binding);
            seconds[run] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return seconds;
    }

    private static void Write(Gpt2Config config, IReadOnlyDictionary<string, float[]> weights, string folder, GraphPrecision precision)
    {
        using var data = new ExternalData(folder, "model.onnx_data");
        int width = config.HiddenSize;
        var blocks = new OnnxGraph("blocks");
        string x = blocks.Input("x", DataType.Float, "rows", width);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            Matrix Weight(string name, int inputs, int outputs) => new($"h.{layer}.{name}.weight", inputs, outputs, () => weights[$"h.{layer}.{name}.weight"]);
            string qkv = Product(blocks, data, precision, x, Weight("attn.c_attn", width, 3 * width));
            string first = blocks.Node("Slice", [qkv, blocks.Int64(0), blocks.Int64(width), blocks.Int64(1)]);
            string attended = Product(blocks, data, precision, first, Weight("attn.c_proj", width, width));
            string inner = Product(blocks, data, precision, attended, Weight("mlp.c_fc", width, config.InnerSize));
            x = Product(blocks, data, precision, inner, Weight("mlp.c_proj", config.InnerSize, width));
        }

        blocks.Node("Identity", [x], output: "y");
        blocks.Output("y", DataType.Float, "rows", width);
        blocks.Save(Path.Combine(folder, "blocks.onnx"), []);

        var vocabulary = new OnnxGraph("vocabulary");
        string hidden = vocabulary.Input("x", DataType.Float, "rows", width);
        float[] Table() => Quantization.Transpose(weights["wte.weight"], config.VocabularySize, width);
        Product(vocabulary, data, precision, hidden, new Matrix("wte.weight.transposed", width, config.VocabularySize, Table), "y");
        vocabulary.Output("y", DataType.Float, "rows", config.VocabularySize);
        vocabulary.Save(Path.Combine(folder, "vocabulary.onnx"), []);
    }

    // int8 in its fastest form: the product quantizes its input, with one scale for all rows.
    private static string Product(OnnxGraph graph, ExternalData data, GraphPrecision precision, string x, Matrix weight, string? output = null)
    {
        if (precision == GraphPrecision.Fp32)
        {
            return graph.Node("MatMul", [x, graph.Weight(data.Float(weight.Name, [weight.Inputs, weight.Outputs], weight.Values))], output: output);
        }

        var quantized = new Lazy<(sbyte[] Bytes, float[] Scales)>(() => Quantization.PerColumn(weight.Values(), weight.Outputs));
        string bytes = graph.Weight(data.Bytes(weight.Name + ".int8", [weight.Inputs, weight.Outputs], () => quantized.Value.Bytes));
        string scales = graph.Weight(data.Float(weight.Name + ".scale", [weight.Outputs], () => quantized.Value.Scales));
        return graph.Node("DynamicQuantizeMatMul", [x, bytes, scales], domain: OnnxGraph.Microsoft, output: output);
    }
}
