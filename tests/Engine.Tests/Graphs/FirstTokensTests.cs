using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Engine.Tests.Generation;
using Rudder.Engine.Tests.Kernels;
using Rudder.Engine.Tests.Support;
using Rudder.Onnx;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>First tokens taken right after the last attention; that the whole graph then gives the same logits is shown by <see cref="GraphFusionTests"/>.</summary>
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
        var graph = GraphFile.Read(_model.Open(), "classifier", Enum.Parse<GraphPrecision>(precision, ignoreCase: true));
        GraphFusion.FuseRows(graph.Model, Path.GetDirectoryName(graph.Path)!);
        var attention = graph.Model.Graph.Node.Where(node => node.OpType == SequenceAttention.Operator.Name);
        Assert.Equal([0, 1], attention.Select(node => node.Attribute.Single(attribute => attribute.Name == SequenceAttention.First).I));
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType is "MultiHeadAttention" or "Split" or "BiasGelu");
    }

    // As on a processor without AVX-512, where attention and products stay ONNX Runtime's.
    [Fact]
    public void Fuse_GraphOfOnnxRuntimesOperators_GivesTheSameLogitsWithLessWork()
    {
        var graph = GraphFile.Read(_model.Open(), "classifier", GraphPrecision.Fp32);
        float[] expected = Logits(graph.Model, graph.Path);
        int before = graph.Model.Graph.Node.Count;
        FirstTokens.Fuse(new GraphNodes(graph.Model.Graph));

        Assert.Equal(before + 1, graph.Model.Graph.Node.Count);
        var taking = Assert.Single(graph.Model.Graph.Node, node => node.Output.Contains(LastAttention(graph.Model).Output[0] + ".first"));
        Assert.Equal("Gather", taking.OpType);
        Numbers.AssertClose([.. expected.Select(value => (double)value)], Logits(graph.Model, graph.Path), 1e-6);
    }

    [Theory]
    [InlineData("SkipLayerNormalization")]                   // what the head reads
    [InlineData("BiasGelu")]                                 // what lies between
    public void Fuse_StatesThatAnOutputReads_StayAsTheyAre(string operation) =>
        AssertUntouched(graph => graph.Output.Add(new ValueInfoProto { Name = graph.Node.Last(node => node.OpType == operation).Output[0] }));

    [Fact]
    public void Fuse_FirstTokensOrAllThatOthersReadToo_StayAsTheyAre()
    {
        AssertUntouched(graph => graph.Output.Add(new ValueInfoProto { Name = First(graph).Output[0] }));
        AssertUntouched(graph => graph.Node.Add(new NodeProto { OpType = "ReduceMean", Input = { First(graph).Input[0] }, Output = { "pooled" } }));
        AssertUntouched(graph =>
        {
            var again = First(graph).Clone();
            again.Output[0] = "again";
            graph.Node.Add(again);
        });
    }

    [Fact]
    public void Fuse_ProductWhoseSecondFactorAreTheRows_StaysAsItIs() => AssertUntouched(graph =>
    {
        var product = graph.Node.Last(node => node.OpType == "MatMul");
        (product.Input[0], product.Input[1]) = (product.Input[1], product.Input[0]);
    });

    // Softmax stands for any operator that is not known to go row by row.
    [Fact]
    public void Fuse_WorkThatMixesTokens_StaysAsItIs() => AssertUntouched(graph => graph.Node.Last(node => node.OpType == "BiasGelu").OpType = "Softmax");

    [Fact]
    public void Fuse_AnotherTokenThanTheFirst_StaysAsItIs() => AssertUntouched(graph =>
    {
        var taking = First(graph);
        graph.Initializer.Add(new TensorProto { Name = "second", DataType = TensorProto.Types.DataType.Int64, RawData = ByteString.CopyFrom(1, 0, 0, 0, 0, 0, 0, 0) });
        taking.Input[1] = "second";
    });

    private void AssertUntouched(Action<GraphProto> change)
    {
        var graph = GraphFile.Read(_model.Open(), "classifier", GraphPrecision.Fp32).Model.Graph;
        change(graph);
        var before = graph.Clone();
        FirstTokens.Fuse(new GraphNodes(graph));
        Assert.Equal(before, graph);
    }

    private static NodeProto First(GraphProto graph) => graph.Node.First(node => new GraphNodes(graph).IsFirstOfTokens(node));

    private static NodeProto LastAttention(ModelProto model) => model.Graph.Node.Last(node => node.OpType == "MultiHeadAttention");

    private static float[] Logits(ModelProto model, string path)
    {
        using var options = GraphSession.Options(2);
        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", Path.GetDirectoryName(path)!);
        using var session = new InferenceSession(model.ToByteArray(), options);
        using var ids = OrtValue.CreateTensorValueFromMemory<long>([5, 300, 17, 42, 11, 9, 9, 100], [2, 4]);
        using var mask = OrtValue.CreateTensorValueFromMemory<long>([1, 1, 1, 1, 1, 1, 1, 0], [2, 4]);
        using var runOptions = new RunOptions();
        using var results = session.Run(runOptions, ["input_ids", "attention_mask"], [ids, mask], ["logits"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
