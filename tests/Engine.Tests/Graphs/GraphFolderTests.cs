using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Graphs;

public sealed class GraphFolderTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    private RequestFault LoadFails() =>
        Assert.Throws<RequestFault>(() => OnnxDecoder.Load(_model.Open(), new EngineOptions { Threads = 1 }, null));

    [Theory]
    [InlineData("model.onnx")]
    [InlineData("model.onnx_data")]
    public void Load_OneFlippedBit_IsRefusedNamingTheFile(string file)
    {
        byte[] bytes = File.ReadAllBytes(_model.Graph(file));
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(_model.Graph(file), bytes);
        Assert.Contains($"{_model.Graph(file)} is damaged", LoadFails().Message);
    }

    [Theory]
    [InlineData("model.onnx")]
    [InlineData("model.onnx_data")]
    public void Load_MissingFile_IsRefusedNamingItAndTheRemedy(string file)
    {
        File.Delete(_model.Graph(file));
        var e = LoadFails();
        Assert.Contains($"{_model.Graph(file)} is missing", e.Message);
        Assert.Contains("trainer export", e.Message);
    }

    [Fact]
    public void Open_NoExport_IsRefusedWithTheRemedy()
    {
        File.Delete(_model.Graph(ExportReport.FileName));
        var e = Assert.Throws<CheckpointException>(_model.Open);
        Assert.Contains($"{_model.Graph(ExportReport.FileName)} is missing", e.Message);
        Assert.Contains("trainer export", e.Message);
    }

    [Fact]
    public void Load_GraphBeyondTheLimit_IsRefusedBeforeItIsRead()
    {
        using (var file = File.OpenWrite(_model.Graph("model.onnx")))
        {
            file.SetLength(1L << 40);
        }

        var e = Assert.Throws<CheckpointException>(() => OnnxDecoder.Load(_model.Open(), new EngineOptions { Threads = 1 }, null));
        Assert.Contains($"at most {GraphFiles.LargestGraph} are read", e.Message);
    }

    [Fact]
    public void Load_GraphOfAnotherPrecision_IsRefused()
    {
        File.Copy(_model.Graph("model.onnx"), _model.Graph("model_quantized.onnx"), overwrite: true);
        _model.Seal();
        var options = new EngineOptions { Threads = 1, Precision = GraphPrecision.Int8 };
        var e = Assert.Throws<RequestFault>(() => OnnxDecoder.Load(_model.Open(), options, null));
        Assert.Contains("model_quantized.onnx is a graph in fp32; int8 was asked for", e.Message);
    }

    [Fact]
    public void Load_GraphSwappedForAnother_IsRefused()
    {
        File.Copy(_model.Graph("logprobs.onnx"), _model.Graph("model.onnx"), overwrite: true);
        Assert.Contains("model.onnx is damaged or from another export", LoadFails().Message);
    }

    [Fact]
    public void Open_ModelChangedSinceTheExport_IsRefusedWithBothFingerprints()
    {
        File.AppendAllText(Path.Combine(_model.Folder, "config.json"), "\n");
        var e = Assert.Throws<RequestFault>(() => _model.Open());
        Assert.Contains("was exported from a model of fingerprint", e.Message);
    }

    [Fact]
    public void Verified_GraphNotExported_NamesWhatThereIs()
    {
        var e = Assert.Throws<RequestFault>(() => _model.Open().ReadVerified("model_fp16.onnx"));
        Assert.Contains("has no model_fp16.onnx; it has logprobs.onnx, model.onnx, model_quantized.onnx", e.Message);
    }
}
