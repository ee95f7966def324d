using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Engine.Tests.Support;
using Rudder.Onnx;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>A classifier's last attention computes only the first tokens, which are all that its head reads.</summary>
public sealed class FirstTokensTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-roberta");

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData("fp32")]
    [InlineData("int8")]
    public void FuseRows_Classifier_TakesFirstTokensInTheLastAttentionOnly(string precision)
    {
        Assert.SkipUnless(PanelProduct.IsSupported, "the processor has no AVX-512: ONNX Runtime's attention is used");
        var graph = GraphFile.Read(_model.Open(), GraphFiles.Model(Precision(precision)), Precision(precision));
        GraphFusion.FuseRows(graph.Model, Path.GetDirectoryName(graph.Path)!, owner: 0);
        var attention = graph.Model.Graph.Node.Where(node => node.OpType == SequenceAttention.Operator.Name);
        Assert.Equal([0, 1], attention.Select(First));
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType is "MultiHeadAttention" or "Split" or "BiasGelu");
    }

    [Fact]
    public void Fuse_AnotherTokenThanTheFirst_KeepsTheGather()
    {
        Assert.SkipUnless(PanelProduct.IsSupported, "the processor has no AVX-512: ONNX Runtime's attention is used");
        var model = GraphFile.Read(_model.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32).Model;
        model.Graph.Initializer.Add(new TensorProto { Name = "second", DataType = TensorProto.Types.DataType.Int64, RawData = ByteString.CopyFrom(1, 0, 0, 0, 0, 0, 0, 0) });
        string attended = model.Graph.Node.Last(node => node.OpType == "MultiHeadAttention").Output[0];
        var taking = model.Graph.Node.Single(node => node.OpType == "Gather" && node.Input[0] == attended);
        taking.Input[1] = "second";
        var nodes = new GraphNodes(model.Graph);

        SequenceFusion.Fuse(nodes, threads: 1);

        Assert.All(nodes.Of(SequenceAttention.Operator.Name), node => Assert.Equal(0, First(node)));
        Assert.Contains(taking, model.Graph.Node);
    }

    private static long First(NodeProto attention) => attention.Attribute.Single(attribute => attribute.Name == SequenceAttention.First).I;

    private static GraphPrecision Precision(string name) => Enum.Parse<GraphPrecision>(name, ignoreCase: true);
}
