using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Generation;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Graphs;

public sealed class GraphFolderTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    private RequestFault LoadFails() =>
        Assert.Throws<RequestFault>(() => OnnxDecoder.Load(_model.Open(), new EngineOptions { Threads = 1 }, null));

    [Theory]
    [InlineData("decoder.onnx")]
    [InlineData("weights.bin")]
    public void Load_OneFlippedBit_IsRefusedNamingTheFile(string file)
    {
        byte[] bytes = File.ReadAllBytes(_model.Graph(file));
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(_model.Graph(file), bytes);
        Assert.Contains($"{_model.Graph(file)} is damaged", LoadFails().Message);
    }

    [Theory]
    [InlineData("decoder.onnx")]
    [InlineData("weights.bin")]
    [InlineData("export.json")]
    public void Load_MissingFile_IsRefusedNamingItAndTheRemedy(string file)
    {
        File.Delete(_model.Graph(file));
        var e = LoadFails();
        Assert.Contains($"{_model.Graph(file)} is missing", e.Message);
        Assert.Contains("trainer export", e.Message);
    }

    [Fact]
    public void Load_TruncatedExportRecord_IsRefused()
    {
        File.WriteAllText(_model.Graph("export.json"), """{"fingerprint":"ab""");
        Assert.Contains("cannot be read", LoadFails().Message);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("""{"fingerprint":null,"graphs":{},"weights":{}}""")]
    [InlineData("""{"fingerprint":"ab","graphs":null,"weights":{}}""")]
    [InlineData("""{"fingerprint":"ab","graphs":{},"weights":null}""")]
    [InlineData("""{"fingerprint":"ab","graphs":{"decoder.onnx":null},"weights":{}}""")]
    [InlineData("""{"fingerprint":"ab","graphs":{"decoder.onnx":{"sha256":null}},"weights":{}}""")]
    [InlineData("""{"fingerprint":"ab","graphs":{},"weights":{"weights.bin":null}}""")]
    public void Load_NullInTheExportRecord_IsRefusedWithTheRemedy(string record)
    {
        File.WriteAllText(_model.Graph("export.json"), record);
        var e = LoadFails();
        Assert.Contains("export.json cannot be read: it holds null", e.Message);
        Assert.Contains("trainer export", e.Message);
    }

    [Fact]
    public void Load_GraphOfAnotherPrecision_IsRefused()
    {
        File.Copy(_model.Graph("decoder.onnx"), _model.Graph("decoder.int8.onnx"), overwrite: true);
        _model.Seal();
        var options = new EngineOptions { Threads = 1, Precision = GraphPrecision.Int8 };
        var e = Assert.Throws<RequestFault>(() => OnnxDecoder.Load(_model.Open(), options, null));
        Assert.Contains("decoder.int8.onnx is a graph in fp32; int8 was asked for", e.Message);
    }

    [Fact]
    public void Load_GraphSwappedForAnother_IsRefused()
    {
        File.Copy(_model.Graph("logprobs.onnx"), _model.Graph("decoder.onnx"), overwrite: true);
        Assert.Contains("decoder.onnx is damaged or from another export", LoadFails().Message);
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
        var e = Assert.Throws<RequestFault>(() => _model.Open().Verified("classifier.onnx"));
        Assert.Contains("has no classifier.onnx; it has decoder.int8.onnx, decoder.onnx, logprobs.onnx", e.Message);
    }
}
