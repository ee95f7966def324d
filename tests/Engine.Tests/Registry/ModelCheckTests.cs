using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.Onnx;

namespace Rudder.Engine.Tests.Registry;

public sealed class ModelCheckTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData("tiny-gpt2")]
    [InlineData("tiny-roberta")]
    public void Run_WholeModel_FindsNothing(string name)
    {
        using var model = new TinyModel(name);

        Assert.Empty(Faults(model.Folder));
        Assert.Empty(Faults(model.Folder, precision: GraphPrecision.Int8));
    }

    [Fact]
    public void Run_DamagedWeights_NamesTheFile()
    {
        byte[] bytes = File.ReadAllBytes(_model.Graph("model.onnx_data"));
        bytes[^1] ^= 1;
        File.WriteAllBytes(_model.Graph("model.onnx_data"), bytes);

        Assert.All(Faults(_model.Folder), fault => Assert.Contains("model.onnx_data is damaged", fault));
        Assert.NotEmpty(Faults(_model.Folder));
    }

    [Fact]
    public void Run_ChangedConfig_NamesBothFingerprints()
    {
        File.AppendAllText(Path.Combine(_model.Folder, "config.json"), "\n");

        Assert.Contains("now has", Assert.Single(Faults(_model.Folder)));
    }

    [Fact]
    public void Run_NoExportAndNoConfig_NamesBoth()
    {
        File.Delete(Path.Combine(_model.Folder, "config.json"));
        File.Delete(_model.Graph("export.json"));

        var faults = Faults(_model.Folder);

        Assert.Contains(faults, fault => fault.Contains("config.json", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("export.json", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_CacheAboveTheLimit_SaysItsSize()
    {
        // 1,024 slots of a whole context, where 1 MiB is allowed.
        string fault = Assert.Single(Faults(_model.Folder, new EngineOptions { MaxSlots = 1024, MaxCacheMegabytes = 1 }));

        Assert.Contains("1,048,576 (MaxCacheMegabytes)", fault);
    }

    [Fact]
    public void Run_ModelAboveTheLimit_SaysItsSize()
    {
        // Keys and values alone: 1,024 slots × 64 tokens × 2 layers × 2 × 32 × 4 bytes = 32 MiB.
        string fault = Assert.Single(Faults(_model.Folder, new EngineOptions { MaxSlots = 1024, MaxModelMegabytes = 24 }));

        Assert.Contains("25,165,824 (MaxModelMegabytes)", fault);
    }

    [Fact]
    public void Run_NoFolder_IsNamed() => Assert.Contains("/nowhere is not a folder", Assert.Single(Faults("/nowhere")));

    [Fact]
    public void Run_GraphThatNoExportWrites_IsNamedAsTheLoadDoes()
    {
        var graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(_model.Graph("model.onnx")));
        graph.Graph.Node[0].OpType = "Loop";
        File.WriteAllBytes(_model.Graph("model.onnx"), graph.ToByteArray());
        _model.Seal();

        Assert.Contains(Faults(_model.Folder), fault => fault.Contains("has the operator Loop", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_MoreTokensThanTheContext_AreRefused() =>
        Assert.Contains("MaxTokens is 65", Assert.Single(Faults(_model.Folder, new EngineOptions { MaxTokens = 65 })));

    [Fact]
    public void Run_OptionOutOfRange_NamesTheValue() =>
        Assert.Contains("MaxSlots is 0", Assert.Single(Faults(_model.Folder, new EngineOptions { MaxSlots = 0 })));

    [Theory]
    [InlineData("name")]
    [InlineData("place")]
    [InlineData("weights")]
    public void Run_SourceThatALoadRefuses_IsRefused(string fault)
    {
        var source = new ModelSource("m", _model.Folder);
        source = fault switch
        {
            "name" => source with { Name = "a b" },
            "place" => source with { RequireInPlace = () => throw new RequestFault("folder", "was replaced by a link", "", "") },
            _ => source with { Precision = GraphPrecision.Int8, ReplaceableWeights = true },
        };
        string part = fault switch
        {
            "name" => "is not a model name",
            "place" => "was replaced by a link",
            _ => "ReplaceableWeights is set",
        };

        Assert.Contains(part, Assert.Single(EngineHost.Check(source)));
    }

    private static IReadOnlyList<string> Faults(string folder, EngineOptions? options = null, GraphPrecision precision = GraphPrecision.Fp32) =>
        EngineHost.Check(new ModelSource("m", folder, EngineKind.Slots, precision), options);
}
