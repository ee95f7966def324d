using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Tests.Support;
using Rudder.Onnx;
using AttributeType = Rudder.Onnx.AttributeProto.Types.AttributeType;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>Graphs with a right hash and a hostile content: refused by name, before ONNX Runtime, which some of them end.</summary>
public sealed class GraphRulesTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData("tiny-gpt2", "model.onnx")]
    [InlineData("tiny-gpt2", "model_quantized.onnx")]
    [InlineData("tiny-gpt2", "logprobs.onnx")]
    [InlineData("tiny-roberta", "model.onnx")]
    [InlineData("tiny-roberta", "model_quantized.onnx")]
    public void Fault_ExportedGraph_HasNone(string name, string graph)
    {
        using var model = new TinyModel(name);

        Assert.Null(GraphRules.Fault(ModelProto.Parser.ParseFrom(File.ReadAllBytes(model.Graph(graph))).Graph));
    }

    [Fact]
    public void Read_MaxWithAnEmptySecondInput_IsRefused() => AssertRefused("model_quantized.onnx", "Max", node => node.Input[1] = "");

    [Fact]
    public void Read_NodeWithoutInputs_IsRefused() => AssertRefused("model.onnx", "Reshape", node => node.Input.Clear());

    [Fact]
    public void Read_NodeWithoutOutput_IsRefused() => AssertRefused("model.onnx", "Reshape", node => node.Output[0] = "");

    [Theory]
    [InlineData(1L << 62)]
    [InlineData(0)]
    [InlineData(-1)]
    public void Read_HeadCountNoModelHas_IsRefused(long heads) => AssertRefused(
        "model.onnx", "GroupQueryAttention", node => node.Attribute.Single(attribute => attribute.Name == "kv_num_heads").I = heads);

    [Fact]
    public void Read_OperatorThatAllocates_IsRefused() => AssertRefused("model.onnx", "Tanh", node => node.OpType = "ConstantOfShape", of: "FastGelu");

    [Fact]
    public void Read_UnknownAttribute_IsRefused() => AssertRefused(
        "model.onnx", "Add", node => node.Attribute.Add(new AttributeProto { Name = "axis", I = 1, Type = AttributeType.Int }), of: "Gather");

    [Fact]
    public void Read_OperatorOfAnotherDomain_IsRefused() => AssertRefused("model.onnx", "Gather", node => node.Domain = "ai.onnx.ml");

    private void AssertRefused(string graph, string operation, Action<NodeProto> change, string? of = null)
    {
        string path = _model.Graph(graph);
        var content = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        var node = content.Graph.Node.First(node => node.OpType == (of ?? operation));
        if (operation == "Add" && of is not null)
        {
            node.OpType = operation;
            node.Attribute.Clear();
        }

        change(node);
        File.WriteAllBytes(path, content.ToByteArray());
        _model.Seal();

        var precision = graph == GraphFiles.Model(GraphPrecision.Int8) ? GraphPrecision.Int8 : GraphPrecision.Fp32;
        var fault = Assert.Throws<RequestFault>(() => GraphFile.Read(_model.Open(), graph, precision));

        Assert.Equal(FaultKind.ModelUnusable, fault.Kind);
        Assert.Contains("no export writes", fault.Message);
    }
}
