using Rudder.Checkpoints;
using Rudder.Onnx;
using Rudder.Trainer.Export;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Trainer.Tests.Export;

/// <summary>The float16 decoder: what is in it, and that it is the same model. ONNX Runtime's processor runs it too, slowly.</summary>
public sealed class Float16ExportTests : IDisposable
{
    private static readonly ExportSettings Wanted = new() { Fp16 = true };
    private readonly TinyModels _models = new();

    public void Dispose() => _models.Dispose();

    [Fact]
    public void Run_Fp16_WritesTheDecoderWithWeightsOfItsOwn()
    {
        string model = _models.Copy("tiny-gpt2");
        ExportReport report = ModelExport.Run(model, Wanted, threads: 1);
        Assert.Equal(
            ["export.json", "logprobs.onnx", "model.onnx", "model.onnx_data", "model_fp16.onnx", "model_fp16.onnx_data"],
            Directory.GetFiles(Path.Combine(model, "onnx")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("fp16", report.Graphs["model_fp16.onnx"].Precision);
        Assert.Equal(ExportSettings.DefaultFp16MaxKl, report.Graphs["model_fp16.onnx"].Limit);
        Assert.InRange(report.Graphs["model_fp16.onnx"].MeanKl!.Value, double.Epsilon, ExportSettings.DefaultFp16MaxKl);
    }

    [Fact]
    public void Run_Fp16_EveryNumberOfTheGraphIsAHalf()
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, Wanted, threads: 1);
        ModelProto graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(model, "onnx", "model_fp16.onnx")));
        var weights = graph.Graph.Initializer.Where(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External).ToList();
        Assert.Equal(28, weights.Count);                     // as in float32: 2 embeddings, 2 x 12 of blocks, 2 of the last normalization
        Assert.All(weights, tensor => Assert.Equal(DataType.Float16, tensor.DataType));
        Assert.DoesNotContain(graph.Graph.Initializer, tensor => tensor.DataType == DataType.Float);
        var values = graph.Graph.Input.Concat(graph.Graph.Output).ToDictionary(value => value.Name, value => value.Type.TensorType.ElemType);
        Assert.All(values, value => Assert.Equal(
            value.Key is "input_ids" or "attention_mask" or "position_ids" ? DataType.Int64 : DataType.Float16, value.Value));
        Assert.Equal(3 + 1 + (2 * 2 * 2), values.Count);     // ids, mask, positions; logits; two layers' keys and values, past and present
    }

    [Fact]
    public void Run_Fp16_WeightsAreTheRoundedOnes()
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, Wanted, threads: 1);
        string onnx = Path.Combine(model, "onnx");
        float[] table = Read(onnx, "model.onnx", "wte.weight", sizeof(float), bytes => BitConverter.ToSingle(bytes));
        float[] halves = Read(onnx, "model_fp16.onnx", "wte.weight", 2, bytes => (float)BitConverter.ToHalf(bytes));
        Assert.Equal(512 * 32, table.Length);
        Assert.Equal(Array.ConvertAll(table, value => (float)(Half)value), halves);
    }

    [Fact]
    public void Run_Fp16BeyondItsBound_RefusesAndNamesTheSetting()
    {
        string model = _models.Copy("tiny-gpt2");
        var e = Assert.Throws<WorkFailedException>(() => ModelExport.Run(model, Wanted with { Fp16MaxKl = double.Epsilon }, threads: 1));
        Assert.StartsWith("model_fp16.onnx is too far from float32", e.Message, StringComparison.Ordinal);
        Assert.Contains("export.fp16_max_kl", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Fp16OfAClassifier_IsRefused()
    {
        string model = _models.Copy("tiny-roberta");
        var e = Assert.Throws<BadInputException>(() => ModelExport.Run(model, Wanted, threads: 1));
        Assert.Contains("has no float16 graph", e.Message, StringComparison.Ordinal);
    }

    private static float[] Read(string folder, string graph, string name, int size, Func<byte[], float> number)
    {
        TensorProto tensor = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, graph))).Graph.Initializer.Single(t => t.Name == name);
        var place = tensor.ExternalData.ToDictionary(entry => entry.Key, entry => entry.Value);
        byte[] file = File.ReadAllBytes(Path.Combine(folder, place["location"]));
        int offset = int.Parse(place["offset"]), length = int.Parse(place["length"]);
        return [.. file[offset..(offset + length)].Chunk(size).Select(number)];
    }
}
