using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Kernels;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.Onnx;

namespace Rudder.Engine.Tests.Registry;

public sealed class ModelSizeTests
{
    private const string Folder = "/models/m";
    private const long Mebi = 1 << 20;

    // tiny-gpt2 in fp32: both embeddings, five norms, and two layers of qkv, projection and the feed-forward of 128, with biases.
    private const long Weights = 4 * (((512 + 64) * 32) + (5 * 2 * 32) + (2 * ((33 * 96) + (33 * 32) + (33 * 128) + (129 * 32))));
    private const long Table = 4 * 512 * 32;                 // looked up as it is, and packed for the vocabulary product

    [Fact]
    public void Of_Generator_CountsTheSharedWeightsOnceCacheAndLogits()
    {
        using var model = new TinyModel("tiny-gpt2");
        var size = Of(model, EngineKind.Slots, GraphPrecision.Fp32, new EngineOptions { MaxSlots = 3, MaxTokens = 10 });

        long weights = (PanelProduct.IsSupported ? 1 : 2) * (Weights + Table);
        Assert.Equal(Length(model, "model.onnx", "logprobs.onnx") + weights, size.Graphs);
        Assert.Equal(3L * 10 * 2 * 2 * 32 * 4, size.Cache);  // slots × tokens × layers × (key, value) × width × bytes
        Assert.Equal((3L * 512 * 4) + (2048L * 512 * 4), size.Logits); // slots, and the scorer's 2,048 positions, of 512 ids
        Assert.Equal(size.Graphs + size.Cache + size.Logits, size.Total);
    }

    [Fact]
    public void Of_Int8_TakesTheQuantisedDecoderAndTheFp32Scorer()
    {
        // fp32: both embeddings, norms and biases. int8: two layers of 96 + 32 + 128 columns of 32 and 32 of 128, and the head, each column with a scale.
        const long Kept = 4 * (((512 + 64) * 32) + (5 * 2 * 32) + (2 * (96 + 32 + 128 + 32)));
        const long Quantised = (2 * ((32 * (96 + 32 + 128)) + (128 * 32))) + (512 * 32) + (4 * ((2 * (96 + 32 + 128 + 32)) + 512));
        using var model = new TinyModel("tiny-gpt2");
        var size = Of(model, EngineKind.Slots, GraphPrecision.Int8, new EngineOptions());

        long shared = PanelProduct.IsSupported ? Kept : 0;   // both graphs name the same embeddings, norms and biases
        Assert.Equal(Length(model, "model_quantized.onnx", "logprobs.onnx") + Kept + Quantised + Weights + Table - shared, size.Graphs);
        Assert.Equal(32L * 64 * 2 * 2 * 32 * 2, size.Cache); // MaxTokens 0: the context of 64; 16 bits a number
        Assert.Equal(2 * size.Cache, Of(model, EngineKind.GenAi, GraphPrecision.Int8, new EngineOptions()).Cache);
    }

    [Fact]
    public void Of_GenAi_CountsItsThirtyTwoSlots()
    {
        using var model = new TinyModel("tiny-gpt2");
        var size = Of(model, EngineKind.GenAi, GraphPrecision.Fp32, new EngineOptions { MaxSlots = 1024 });

        Assert.Equal(32L * 64 * 2 * 2 * 32 * 4, size.Cache);
        Assert.Equal(Length(model, "model.onnx", "logprobs.onnx") + (2 * (Weights + Table)), size.Graphs);     // two engines, two copies
    }

    [Fact]
    public void Of_Classifier_IsItsGraphAndWeights()
    {
        using var model = new TinyModel("tiny-roberta");
        var size = Of(model, EngineKind.Slots, GraphPrecision.Fp32, new EngineOptions());

        // Embeddings and their norm; per layer the attention's four squares, two norms and the feed-forward of 64; the head of two labels.
        const long Weights = 4 * (((512 + 66 + 1) * 32) + 64 + (2 * ((4 * 33 * 32) + 128 + (33 * 64) + (65 * 32))) + (33 * 32) + (33 * 2));
        Assert.Equal(new ModelSize(Length(model, "model.onnx") + Weights, 0, 0), size);
    }

    [Fact]
    public void Of_MissingFiles_IsLeftToLoading()
    {
        using var model = new TinyModel("tiny-roberta");
        File.Delete(model.Graph("model.onnx"));

        Assert.Equal(0, Of(model, EngineKind.Slots, GraphPrecision.Fp32, new EngineOptions()).Total);
    }

    [Theory]
    [InlineData("location")]
    [InlineData("offset")]
    [InlineData("length")]
    public void Of_ExternalWeightsWithoutAPlaceOrSize_AreRefused(string key)
    {
        using var model = new TinyModel("tiny-gpt2");
        string file = model.Graph("model.onnx");
        var graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(file));
        var entries = graph.Graph.Initializer.First(tensor => tensor.ExternalData.Count > 0).ExternalData;
        entries.Remove(entries.Single(entry => entry.Key == key));
        File.WriteAllBytes(file, graph.ToByteArray());

        var fault = Assert.Throws<RequestFault>(() => Of(model, EngineKind.Slots, GraphPrecision.Fp32, new EngineOptions()));

        Assert.Equal(FaultKind.ModelUnusable, fault.Kind);
        Assert.Contains("model.onnx", fault.Message);
    }

    [Theory]
    [InlineData(3 * Mebi, 0L)]                                   // exactly the limit of the settings
    [InlineData(0, 3 * Mebi)]                                // exactly what is free
    public void RequireWithin_AtTheLimit_Passes(long max, long free) => new ModelSize(Mebi, Mebi, Mebi).RequireWithin(Folder, max, free);

    [Theory]
    [InlineData(2 * Mebi, long.MaxValue, "the limit is 2,097,152 (MaxModelMegabytes)", "or raise the limit")]
    [InlineData(0, (3 * Mebi) - 1, "the limit is 3,145,727 (the memory that is free", "unload a model")]
    public void RequireWithin_AboveTheLimit_NamesSizeLimitAndRemedy(long max, long free, string limit, string remedy)
    {
        var fault = Assert.Throws<RequestFault>(() => new ModelSize(Mebi, Mebi, Mebi).RequireWithin(Folder, max, free));

        Assert.Contains($"{Folder} needs 3,145,728 bytes (weights 1,048,576, key-value cache 1,048,576, logits 1,048,576)", fault.Message);
        Assert.Contains(limit, fault.Message);
        Assert.Contains(remedy, fault.Message);
    }

    [Fact]
    public void Available_KernelsTable_IsItsLineInBytes()
    {
        Assert.Equal(2L * 1024, FreeMemory.Available(["MemTotal:       9 kB", "MemAvailable:       2 kB"]));
        Assert.Null(FreeMemory.Available(["MemTotal:       9 kB"]));
        Assert.True(FreeMemory.Bytes() > 0);
    }

    private static ModelSize Of(TinyModel model, EngineKind engine, GraphPrecision precision, EngineOptions limits) =>
        ModelSize.Of(new ModelSource("m", model.Folder, engine, precision), ModelConfig.Load(model.Folder), limits);

    private static long Length(TinyModel model, params string[] files) => files.Sum(file => new FileInfo(model.Graph(file)).Length);
}
