using Google.Protobuf;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Tests.Support;
using Rudder.Onnx;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>Graphs whose hash is right and whose content is not what an export writes.</summary>
public sealed class GraphFileTests : IDisposable
{
    private const AttributeProto.Types.AttributeType TensorAttribute = (AttributeProto.Types.AttributeType)4;     // no export writes it
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    [Fact]
    public void Read_OperatorOfTheServicesOwn_IsRefused() => AssertRefused(
        model => model.Graph.Node.Add(new NodeProto { OpType = "MultiplyRows", Domain = "rudder" }), "has the operator MultiplyRows of this service's own");

    [Fact]
    public void Read_GraphInsideANode_IsRefused() => AssertRefused(
        model => model.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "body", Type = AttributeProto.Types.AttributeType.Graph }), "graphs inside its nodes");

    [Fact]
    public void Read_TensorInsideANode_IsRefused() => AssertRefused(
        model => model.Graph.Node[0].Attribute.Add(new AttributeProto { Name = "value", Type = TensorAttribute }), "tensors or graphs inside its nodes");

    [Fact]
    public void Read_SparseTensors_AreRefused() => AssertRefused(model => model.Graph.SparseInitializer.Add(ByteString.Empty), "sparse tensors");

    [Theory]
    [InlineData("../../secret.bin")]
    [InlineData("/etc/hostname")]
    [InlineData("other.bin")]
    [InlineData("./model.onnx_data")]
    [InlineData("")]
    public void Read_WeightsInAFileThatTheExportDoesNotList_AreRefusedAsNobodyHashedIt(string file) => AssertRefused(
        model => Outside(model).ExternalData.Single(entry => entry.Key == "location").Value = file,
        $"has weights in '{file}', which is none of the weight files that export.json lists");

    [Fact]
    public void Read_SecondPlaceOfTheSameWeights_IsRefused() => AssertRefused(
        model => Outside(model).ExternalData.Add(new StringStringEntryProto { Key = "location", Value = "other.bin" }), "has weights in 'other.bin'");

    [Fact]
    public void Read_WeightsOutsideWithoutAPlace_AreRefused() => AssertRefused(model => Outside(model).ExternalData.Clear(), "has weights in ''");

    [Fact]
    public void Read_Functions_AreRefused() => AssertRefused(model => model.Functions.Add(ByteString.Empty), "has functions");

    [Fact]
    public void Read_ValueMadeTwice_IsRefused() => AssertRefused(model => model.Graph.Node.Add(model.Graph.Node[0].Clone()), "has two values or entries of the name");

    [Fact]
    public void Read_MetadataTwice_IsRefused() => AssertRefused(model => model.MetadataProps.Add(model.MetadataProps[0].Clone()), "has two values or entries of the name");

    [Fact]
    public void Read_NoGraph_IsRefused() => AssertRefused(model => model.Graph = null, "holds no graph");

    [Fact]
    public void TakeLast_LogProbs_LeavesTheModelAndTakesTheVocabulary()
    {
        var body = GraphFile.Read(_model.Open(), GraphFiles.LogProbs, GraphPrecision.Fp32);
        int nodes = body.Model.Graph.Node.Count;
        var last = body.TakeLast("logits");
        Assert.Equal(nodes - 1, body.Model.Graph.Node.Count);
        var product = Assert.Single(last.Model.Graph.Node);
        Assert.Equal(product.Input[0], Assert.Single(body.Model.Graph.Output).Name);
        Assert.Equal(product.Input[0], Assert.Single(last.Model.Graph.Input).Name);
        Assert.Equal("logits", Assert.Single(last.Model.Graph.Output).Name);
        Assert.Equal(["wte.weight"], last.Model.Graph.Initializer.Select(tensor => tensor.Name));
    }

    [Theory]
    [InlineData("loss")]                                     // nothing makes it
    [InlineData("ln_f.out")]                                 // no output of the graph
    public void TakeLast_WhatTheGraphDoesNotEndIn_IsRefused(string output)
    {
        var body = GraphFile.Read(_model.Open(), GraphFiles.LogProbs, GraphPrecision.Fp32);
        Assert.Contains($"does not end in a product that gives '{output}'", Assert.Throws<RequestFault>(() => body.TakeLast(output)).Message);
    }

    private static TensorProto Outside(ModelProto model) => model.Graph.Initializer.First(tensor => tensor.DataLocation == TensorProto.Types.DataLocation.External);

    private void AssertRefused(Action<ModelProto> change, string expected)
    {
        string file = _model.Graph("model.onnx");
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(file));
        change(model);
        File.WriteAllBytes(file, model.ToByteArray());
        _model.Seal();
        var e = Assert.Throws<RequestFault>(() => GraphFile.Read(_model.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32));
        Assert.Contains(expected, e.Message);
    }
}
