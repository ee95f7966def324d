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

    [Theory]
    [InlineData("do_rotary", 2)]
    [InlineData("local_window_size", 0)]
    [InlineData("local_window_size", 1L << 40)]
    [InlineData("rotary_interleaved", 1)]
    public void Read_AttentionSettingNoExportHas_IsRefused(string name, long value) => AssertRefused("model.onnx", "GroupQueryAttention", node =>
    {
        AttributeProto[] others = [.. node.Attribute.Where(attribute => attribute.Name != name)];
        node.Attribute.Clear();
        node.Attribute.Add([.. others, new AttributeProto { Name = name, I = value, Type = AttributeType.Int }]);
    });

    [Fact]
    public void Read_AnglesWithoutKeysAndValues_AreRefused() => AssertRefused(
        "model.onnx", "GroupQueryAttention", node => node.Input.Add([node.Input[3], node.Input[3]]));

    [Fact]
    public void Read_OperatorThatAllocates_IsRefused() => AssertRefused("model.onnx", "Tanh", node => node.OpType = "ConstantOfShape", of: "FastGelu");

    [Theory]
    [InlineData("logprobs.onnx", "Expand", 1)]
    [InlineData("logprobs.onnx", "Range", 1)]
    [InlineData("logprobs.onnx", "Range", 0)]
    [InlineData("logprobs.onnx", "GroupQueryAttention", 6)]
    [InlineData("model.onnx", "GroupQueryAttention", 6)]
    public void Read_SizeThatTheFileNames_IsRefusedWithItsLimit(string graph, string operation, int input) => Assert.Contains(
        "the limit is the size of the graph's inputs",
        AssertRefused(graph, operation, (content, node) =>
        {
            var size = new TensorProto { Name = "size", DataType = TensorProto.Types.DataType.Int64, RawData = ByteString.CopyFrom(BitConverter.GetBytes(1L << 40)) };
            content.Initializer.Add(size);
            node.Input[input] = size.Name;
        }).Message);

    [Fact]
    public void Read_SizeOfAConstant_IsRefused() => AssertRefused(
        "logprobs.onnx", "Shape", (content, node) => node.Input[0] = content.Initializer.First(tensor => tensor.Dims.Count == 2).Name);

    [Fact]
    public void Read_UnknownAttribute_IsRefused() => AssertRefused(
        "model.onnx", "Add", node => node.Attribute.Add(new AttributeProto { Name = "axis", I = 1, Type = AttributeType.Int }), of: "Gather");

    [Fact]
    public void Read_OperatorOfAnotherDomain_IsRefused() => AssertRefused("model.onnx", "Gather", node => node.Domain = "ai.onnx.ml");

    private void AssertRefused(string graph, string operation, Action<NodeProto> change, string? of = null) =>
        AssertRefused(graph, operation, (_, node) => change(node), of);

    private RequestFault AssertRefused(string graph, string operation, Action<GraphProto, NodeProto> change, string? of = null)
    {
        string path = _model.Graph(graph);
        var content = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        var node = content.Graph.Node.First(node => node.OpType == (of ?? operation));
        if (operation == "Add" && of is not null)
        {
            node.OpType = operation;
            node.Attribute.Clear();
        }

        change(content.Graph, node);
        File.WriteAllBytes(path, content.ToByteArray());
        _model.Seal();

        var precision = graph == GraphFiles.Model(GraphPrecision.Int8) ? GraphPrecision.Int8 : GraphPrecision.Fp32;
        var fault = Assert.Throws<RequestFault>(() => GraphFile.Read(_model.Open(), graph, precision));

        Assert.Equal(FaultKind.ModelUnusable, fault.Kind);
        Assert.Contains("no export writes", fault.Message);
        return fault;
    }
}
