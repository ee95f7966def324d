using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Generation;
using Rudder.Engine.Tests.Support;
using Rudder.Onnx;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>Files that change after their hash was taken, while the model is being loaded: nothing is served that was not checked.</summary>
public sealed class SwappedFilesTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly EngineOptions Options = new() { Threads = 1, MaxSlots = 2 };
    private readonly TinyModel _gpt2 = new("tiny-gpt2");
    private readonly TinyModel _roberta = new("tiny-roberta");

    public void Dispose()
    {
        _gpt2.Dispose();
        _roberta.Dispose();
    }

    [Theory]
    [InlineData("model.onnx_data")]
    [InlineData("model.onnx")]
    public void Start_FileReplacedByAnotherOfItsLengthAndTime_IsRefusedByName(string file) => AssertRefused(file, Replace);

    [Theory]
    [InlineData("model.onnx_data")]
    [InlineData("model.onnx")]
    public void Start_FileOverwrittenAndItsTimeSetBack_IsRefusedByName(string file) => AssertRefused(file, Overwrite);

    [Fact]
    public void Start_WeightsTakenAway_AreNamedAsTheCause() => AssertRefused("model.onnx_data", File.Delete);

    [Fact]
    public void Start_FilesOnlyReadMeanwhile_Opens()
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32);

        using var session = graph.Start(1, adjust: _ => File.ReadAllBytes(_gpt2.Graph("model.onnx_data")));

        Assert.NotEmpty(session.InputNames);
    }

    [Theory]
    [InlineData("slots", "model.onnx", "model.onnx_data")]
    [InlineData("slots int8", "model_quantized.onnx", "model_quantized.onnx_data")]
    [InlineData("device", "model.onnx", "model.onnx_data")]
    [InlineData("genai", "model.onnx", "model.onnx_data")]
    [InlineData("logprobs", "logprobs.onnx", "model.onnx_data")]
    [InlineData("classifier", "model.onnx", "model.onnx_data")]
    public async Task Load_WeightsReplacedAfterTheirHashWasTaken_IsRefusedByEveryEngine(string engine, string graph, string weights)
    {
        var model = engine == "classifier" ? _roberta : _gpt2;
        var folder = model.Open();
        folder.Verified(graph);
        Replace(model.Graph(weights));

        var e = await Assert.ThrowsAsync<ModelLoadException>(() => LoadAsync(engine, folder));

        Assert.Contains($"{model.Graph(weights)} was changed or replaced while the model was being loaded", e.Message);
        Assert.Contains("Load the model again", e.Message);
    }

    [Fact]
    public void ReadPaddingId_SettingsReplacedAfterwards_AreFoundWhenTheSessionIsOpen()
    {
        var folder = _gpt2.Open();
        GenAiSettings.ReadPaddingId(folder);
        folder.RequireUnchanged();
        Replace(Path.Combine(_gpt2.Folder, ModelFiles.GenAiConfig));

        var e = Assert.Throws<ModelLoadException>(folder.RequireUnchanged);

        Assert.Contains($"{Path.Combine(_gpt2.Folder, ModelFiles.GenAiConfig)} was changed or replaced while the model was being loaded", e.Message);
    }

    [Theory]
    [InlineData("slots", "model.onnx")]
    [InlineData("device", "model.onnx")]
    [InlineData("genai", "model.onnx")]
    [InlineData("logprobs", "logprobs.onnx")]
    [InlineData("classifier", "model.onnx")]
    public async Task Load_GraphReplacedAfterItsHashWasTaken_IsRefusedAsItsBytesAreHashedWhenParsed(string engine, string graph)
    {
        var model = engine == "classifier" ? _roberta : _gpt2;
        var folder = model.Open();
        folder.Verified(graph);
        var other = ModelProto.Parser.ParseFrom(File.ReadAllBytes(model.Graph(graph)));
        other.ProducerVersion += " swapped";                 // a good graph, but another
        File.WriteAllBytes(model.Graph(graph), other.ToByteArray());

        var e = await Assert.ThrowsAsync<ModelLoadException>(() => LoadAsync(engine, folder));

        Assert.Contains($"{model.Graph(graph)} is damaged or from another export", e.Message);
    }

    /// <summary>Loads an engine and lets it go again: a test that expects a refusal must not leave one open.</summary>
    private static async Task LoadAsync(string engine, GraphFolder folder)
    {
        switch (engine)
        {
            case "genai":
                await GenAiEngine.Load(folder, Options, eosId: 0).DisposeAsync();
                return;
            case "slots" or "slots int8":
                SlotDecoder.Load(folder, Options with { Precision = engine == "slots" ? GraphPrecision.Fp32 : GraphPrecision.Int8 }, null).Dispose();
                return;
            case "device":
                OnnxDecoder.Load(folder, Options, null).Dispose();
                return;
            case "logprobs":
                LogProbEngine.Load(folder, Options).Dispose();
                return;
            default:
                ClassifierEngine.Load(folder, Options).Dispose();
                return;
        }
    }

    private void AssertRefused(string file, Action<string> swap)
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32);

        var e = Assert.Throws<ModelLoadException>(() => graph.Start(1, adjust: _ => swap(_gpt2.Graph(file))).Dispose());

        Assert.Contains($"{_gpt2.Graph(file)} was changed or replaced while the model was being loaded", e.Message);
    }

    private static void Replace(string file)
    {
        string other = file + ".new";
        File.WriteAllBytes(other, Other(file));
        File.SetLastWriteTimeUtc(other, File.GetLastWriteTimeUtc(file));
        File.Move(other, file, overwrite: true);
    }

    // Again until the clock that stamps files has moved on: on a fast machine all of it fits between two of its ticks.
    private static void Overwrite(string file)
    {
        var (before, time) = (FileStamp.Of(file), File.GetLastWriteTimeUtc(file));
        long start = TimeProvider.System.GetTimestamp();
        while (FileStamp.Of(file) == before)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Patience, "the stamp does not see what was written");
            File.WriteAllBytes(file, Other(file));
            File.SetLastWriteTimeUtc(file, time);
        }
    }

    // Other content of the same length, which ONNX Runtime loads as well; of a graph, whose bytes are in memory by then, the same again.
    private static byte[] Other(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        return file.EndsWith(".bin", StringComparison.Ordinal) ? Array.ConvertAll(bytes, value => (byte)(value ^ 1)) : bytes;
    }
}
