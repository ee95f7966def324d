using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Onnx;
using Rudder.Trainer.Architectures.Gpt2;
using Rudder.Trainer.Architectures.Roberta;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Export;

/// <summary>What an export leaves, what it refuses, and that a refused or broken one leaves nothing.</summary>
public sealed class ModelExportTests : IDisposable
{
    private static readonly ExportSettings Both = new() { Int8 = true };
    private readonly TinyModels _models = new();

    [Fact]
    public void Run_Gpt2_BothFloatGraphsShareOneWeightsFile()
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, new ExportSettings(), threads: 1);
        Assert.Equal(
            ["export.json", "logprobs.onnx", "model.onnx", "model.onnx_data"],
            Directory.GetFiles(Path.Combine(model, "onnx")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Dictionary<string, string> decoder = External(Path.Combine(model, "onnx", "model.onnx"));
        Dictionary<string, string> logProbs = External(Path.Combine(model, "onnx", "logprobs.onnx"));
        Assert.Equal(28, decoder.Count);                // 2 embeddings, 2 x 12 of blocks, 2 of the last normalization
        Assert.Equal(decoder, logProbs);                // same names at the same places
        Assert.All(decoder.Values, place => Assert.StartsWith("model.onnx_data@", place, StringComparison.Ordinal));
    }

    [Fact]
    public void Run_Gpt2_MetadataAndReportNameTheModel()
    {
        string model = _models.Copy("tiny-gpt2");
        ExportReport report = ModelExport.Run(model, Both, threads: 1);
        string fingerprint = Fingerprint.OfFolder(model);
        ModelProto graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(model, "onnx", "model_quantized.onnx")));
        Assert.Equal(new GraphMetadata(fingerprint, "int8", Layers: 2, Heads: 4, HeadSize: 8, Vocabulary: 512, Context: 64), GraphMetadata.Read(graph.MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value), "graph"));
        Assert.Equal(fingerprint, report.Fingerprint);
        Assert.Equal(report.ToString(), ExportReport.Read(Path.Combine(model, "onnx")).ToString());
        Assert.InRange(report.Graphs["model.onnx"].MaxAbsDiff, 0, 1e-5);
        Assert.InRange(report.Graphs["model_quantized.onnx"].MeanKl!.Value, 1e-9, 1e-3);
        Assert.Null(report.Graphs["model.onnx"].MeanKlBf16Cache);
    }

    [Fact]
    public void Run_Int8Decoder_IsMeasuredWithBothKindsOfCache()
    {
        GraphReport report = ModelExport.Run(_models.Copy("tiny-gpt2"), Both, threads: 1).Graphs["model_quantized.onnx"];
        Assert.NotEqual(report.MeanKl, report.MeanKlBf16Cache);
        Assert.InRange(report.MeanKlBf16Cache!.Value, 0.5 * report.MeanKl!.Value, 2 * report.MeanKl.Value);
    }

    [Theory]
    [InlineData("tiny-gpt2")]
    [InlineData("tiny-roberta")]
    public void Run_FreshExport_HasTheWeightsOfTheCommittedOne(string name)
    {
        string model = _models.Copy(name);
        ModelExport.Run(model, Both, threads: 1);
        foreach (string file in new[] { "model.onnx_data", "model_quantized.onnx_data" })
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(TinyModels.Fixtures, name, "onnx", file)), File.ReadAllBytes(Path.Combine(model, "onnx", file)));
        }
    }

    [Theory]
    [InlineData(GraphPrecision.Fp32)]
    [InlineData(GraphPrecision.Int8)]
    public void Run_FreshDecoder_GivesWhatTheCommittedOneGives(GraphPrecision precision)
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, Both, threads: 1);
        int[][] ids = TinyModels.Ids(TinyModels.Expected("tiny-gpt2").GetProperty("input_ids"));
        using var fresh = Decoder(model, precision);
        using var committed = Decoder(Path.Combine(TinyModels.Fixtures, "tiny-gpt2"), precision);
        Assert.Equal(Replay(committed), Replay(fresh));

        float[] Replay(OnnxDecoder decoder)
        {
            decoder.Prefill(ids, 0);
            float[] prompts = [.. Enumerable.Range(0, 3).SelectMany(row => decoder.Logits(row).ToArray())];
            decoder.Step([1, 2, 3], [.. ids.Select(row => row.Length)]);
            return [.. prompts, .. Enumerable.Range(0, 3).SelectMany(row => decoder.Logits(row).ToArray())];
        }
    }

    [Theory]
    [InlineData(GraphPrecision.Fp32)]
    [InlineData(GraphPrecision.Int8)]
    public void Run_FreshClassifier_GivesWhatTheCommittedOneGives(GraphPrecision precision)
    {
        string model = _models.Copy("tiny-roberta");
        ModelExport.Run(model, Both, threads: 1);
        int[][] ids = TinyModels.Ids(TinyModels.Expected("tiny-roberta").GetProperty("input_ids_unpadded"));
        using var fresh = Classifier(model, precision);
        using var committed = Classifier(Path.Combine(TinyModels.Fixtures, "tiny-roberta"), precision);
        Assert.Equal(committed.Logits(ids), fresh.Logits(ids));
    }

    [Theory]
    [InlineData("tiny-gpt2", "h.1.mlp.c_proj.bias", "logprobs.onnx")]
    [InlineData("tiny-roberta", "classifier.out_proj.bias", "model.onnx")]
    public void Run_WeightsUnlikeTheModels_RefusesAndLeavesNothing(string name, string tensor, string graph)
    {
        string model = _models.Copy(name), perturbed = _models.At("perturbed");
        Perturb(model, perturbed, tensor, 1e-3f);
        var e = Assert.Throws<WorkFailedException>(() => ModelExport.Run(perturbed, new ExportSettings(), threads: 1, referenceFolder: model));
        Assert.Contains(graph + " differs from the TorchSharp model", e.Message, StringComparison.Ordinal);
        Assert.Contains("the limit is 0.0001", e.Message, StringComparison.Ordinal);
        Assert.Equal(["config.json", "model.safetensors"], Entries(perturbed));
    }

    [Fact]
    public void Run_Refused_KeepsTheOlderGraphs()
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, new ExportSettings(), threads: 1);
        string before = File.ReadAllText(Path.Combine(model, "onnx", "export.json"));
        Assert.Throws<WorkFailedException>(() => ModelExport.Run(model, Both with { Int8MaxKl = 1e-9 }, threads: 1));
        Assert.Equal(before, File.ReadAllText(Path.Combine(model, "onnx", "export.json")));
        Assert.Equal(["config.json", "genai_config.json", "model.safetensors", "onnx"], Entries(model));
    }

    [Fact]
    public void Run_Int8BeyondItsBoundWithABFloat16CacheAlone_IsRefusedByIt()
    {
        string model = _models.Copy("tiny-gpt2");
        GraphReport report = ModelExport.Run(model, Both, threads: 1).Graphs["model_quantized.onnx"];
        double between = (report.MeanKl!.Value + report.MeanKlBf16Cache!.Value) / 2;       // 1.086e-4 and 1.113e-4
        Assert.InRange(between, report.MeanKl.Value, report.MeanKlBf16Cache.Value);
        var e = Assert.Throws<WorkFailedException>(() => ModelExport.Run(model, Both with { Int8MaxKl = between }, threads: 1));
        Assert.StartsWith("model_quantized.onnx with its cache in bfloat16 is too far from float32", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tiny-gpt2", "model_quantized.onnx")]
    [InlineData("tiny-roberta", "model_quantized.onnx")]
    public void Run_Int8BeyondItsBound_RefusesAndLeavesNothing(string name, string graph)
    {
        string model = _models.Copy(name);
        var e = Assert.Throws<WorkFailedException>(() => ModelExport.Run(model, Both with { Int8MaxKl = 1e-9 }, threads: 1));
        Assert.StartsWith(graph + " is too far from float32", e.Message, StringComparison.Ordinal);
        Assert.Contains("export.int8_max_kl", e.Message, StringComparison.Ordinal);
        Assert.Equal(["config.json", "model.safetensors"], Entries(model));
    }

    [Fact]
    public void Run_Half_ExportsFloat32Graphs()
    {
        string model = _models.Copy("tiny-gpt2"), half = _models.At("half");
        Perturb(model, half, null, 0, WeightType.F16);
        ModelExport.Run(half, new ExportSettings(), threads: 1);
        ModelProto graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(half, "onnx", "model.onnx")));
        Assert.All(
            graph.Graph.Initializer.Where(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External),
            tensor => Assert.Equal(TensorProto.Types.DataType.Float, tensor.DataType));
        Assert.Equal(
            new FileInfo(Path.Combine(TinyModels.Fixtures, "tiny-gpt2", "onnx", "model.onnx_data")).Length,
            new FileInfo(Path.Combine(half, "onnx", "model.onnx_data")).Length);
    }

    [Fact]
    public void Run_ContextShorterThanTheCheck_IsCheckedWithinIt()
    {
        Gpt2Config config = ModelConfig.Load<Gpt2Config>(_models.Copy("tiny-gpt2")) with { Context = 8 };
        var weights = new Gpt2Family().ReadWeights(_models.At("tiny-gpt2"), ModelConfig.Load<Gpt2Config>(_models.At("tiny-gpt2")));
        config.Save(_models.At("short"));
        SafetensorsWriter.Write(
            _models.At("short", "model.safetensors"),
            [.. Gpt2Weights.Expected(config).Select(name => (name.Name, name.Shape, First(weights[name.Name], name.Shape)))],
            WeightType.F32);
        ExportReport report = ModelExport.Run(_models.At("short"), Both, threads: 1);
        Assert.Equal(8, report.Graphs["logprobs.onnx"].Positions);             // one row of 1 + 7 tokens fits
        Assert.Equal(8, report.Graphs["model.onnx"].Positions);
    }

    [Fact]
    public void Run_BrokenOff_LeavesNothing()
    {
        string model = _models.Copy("tiny-gpt2");
        Assert.ThrowsAny<Exception>(() => ModelExport.Run(model, new ExportSettings(), threads: 1, referenceFolder: _models.At("absent")));
        Assert.Equal(["config.json", "model.safetensors"], Entries(model));
    }

    [Fact]
    public void Run_NothingWanted_SaysSo()
    {
        string model = _models.Copy("tiny-gpt2");
        var e = Assert.Throws<BadInputException>(() => ModelExport.Run(model, new ExportSettings { Fp32 = false }, threads: 1));
        Assert.Contains("nothing to export", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Int8Alone_NamesItInTheGenAiConfig()
    {
        string model = _models.Copy("tiny-gpt2");
        ModelExport.Run(model, new ExportSettings { Fp32 = false, Int8 = true }, threads: 1);
        Assert.False(File.Exists(Path.Combine(model, "onnx", "model.onnx")));
        Assert.Contains("\"filename\": \"onnx/model_quantized.onnx\"", File.ReadAllText(Path.Combine(model, "genai_config.json")), StringComparison.Ordinal);
    }

    public void Dispose() => _models.Dispose();

    private static ReadOnlyMemory<float> First(float[] values, long[] shape) => values.AsMemory(0, (int)shape.Aggregate((a, b) => a * b));

    private static GraphFolder AsWritten(string model) => new(model, Path.Combine(model, "onnx"), ExportReport.Read(Path.Combine(model, "onnx"))) { AsWritten = true };

    private static OnnxDecoder Decoder(string model, GraphPrecision precision) =>
        OnnxDecoder.Load(AsWritten(model), new EngineOptions { Precision = precision, Threads = 1, MaxSlots = 3 }, null);

    private static ClassifierEngine Classifier(string model, GraphPrecision precision) =>
        ClassifierEngine.Load(AsWritten(model), new EngineOptions { Precision = precision, Threads = 1 });

    private static IEnumerable<string?> Entries(string folder) =>
        Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    private static Dictionary<string, string> External(string graph) =>
        ModelProto.Parser.ParseFrom(File.ReadAllBytes(graph)).Graph.Initializer
            .Where(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External)
            .ToDictionary(tensor => tensor.Name, tensor => string.Join('@', tensor.ExternalData.Select(entry => entry.Value)));

    /// <summary>Writes a copy of a model with one value of one tensor moved.</summary>
    private static void Perturb(string model, string target, string? tensor, float by, WeightType type = WeightType.F32)
    {
        var config = ModelConfig.Load(model);
        config.Save(target);
        (IReadOnlyDictionary<string, float[]> weights, IEnumerable<(string Name, long[] Shape)> names) = config is Gpt2Config gpt2
            ? (new Gpt2Family().ReadWeights(model, gpt2), Gpt2Weights.Expected(gpt2))
            : (new RobertaFamily().ReadWeights(model, (RobertaConfig)config), RobertaWeights.Expected((RobertaConfig)config));
        if (tensor is not null)
        {
            weights[tensor][0] += by;
        }

        SafetensorsWriter.Write(
            Path.Combine(target, "model.safetensors"), [.. names.Select(name => (name.Name, name.Shape, (ReadOnlyMemory<float>)weights[name.Name]))], type);
    }
}
