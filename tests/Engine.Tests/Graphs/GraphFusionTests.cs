using Microsoft.ML.OnnxRuntime;
using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Engine.Tests.Kernels;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Graphs;

/// <summary>Graphs with this program's operators against the same graphs as ONNX Runtime runs them alone.</summary>
public sealed class GraphFusionTests : IDisposable
{
    private static readonly int[] Ids = [5, 300, 17, 42, 511, 9, 9, 100];
    private readonly TinyModel _gpt2 = new("tiny-gpt2");
    private readonly TinyModel _roberta = new("tiny-roberta");

    public void Dispose()
    {
        _gpt2.Dispose();
        _roberta.Dispose();
    }

    [Fact]
    public void Start_LogProbs_EqualsTheGraphAlone()
    {
        var inputs = new Dictionary<string, (long[] Values, long[] Shape)>
        {
            ["input_ids"] = (Longs(Ids), [2, 4]), ["positions"] = ([0, 3, 5], [3]),
        };
        AssertSame(_gpt2, GraphFiles.LogProbs, GraphPrecision.Fp32, inputs, 1e-5);
    }

    [Fact]
    public void Start_FolderAsWritten_HasNoOperatorOfOurs()
    {
        string folder = Path.Combine(_gpt2.Folder, GraphFiles.Folder);
        var graph = GraphFile.Read(new GraphFolder(_gpt2.Folder, folder, ExportReport.Read(folder)) { AsWritten = true }, GraphFiles.LogProbs, GraphPrecision.Fp32);
        using var session = graph.Start(2);
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.Domain == OperatorDomain.Name);
    }

    [Theory]
    [InlineData("fp32", 1e-5)]
    [InlineData("int8", 1e-4)]
    public void Start_Classifier_EqualsTheGraphAlone(string precision, double tolerance)
    {
        var inputs = new Dictionary<string, (long[] Values, long[] Shape)>
        {
            ["input_ids"] = (Longs(Ids), [2, 4]), ["attention_mask"] = ([1, 1, 1, 1, 1, 1, 1, 0], [2, 4]),
        };
        var parsed = Enum.Parse<GraphPrecision>(precision, ignoreCase: true);
        AssertSame(_roberta, GraphFiles.Model(parsed), parsed, inputs, tolerance);
    }

    // The other decoder has ONNX Runtime's attention over its own cache.
    [Fact]
    public void SlotDecoder_Fp32_EqualsTheGraphsOwnAttention()
    {
        float[] own = Logits(SlotDecoder.Load(_gpt2.Open(), Options(GraphPrecision.Fp32), null));
        float[] other = Logits(OnnxDecoder.Load(_gpt2.Open(), Options(GraphPrecision.Fp32), null));
        Numbers.AssertClose([.. other.Select(logit => (double)logit)], own, 2e-5);
    }

    // 8-bit rounding makes large differences of small ones, so what counts is how far each is from float32.
    [Fact]
    public void SlotDecoder_Int8With16BitCache_IsAsNearToFp32AsWithACacheOf32Bits()
    {
        float[] exact = Logits(OnnxDecoder.Load(_gpt2.Open(), Options(GraphPrecision.Fp32), null));
        double Error(float[] logits) => logits.Zip(exact, (logit, right) => Math.Abs((double)logit - right)).Average();
        double whole = Error(Logits(OnnxDecoder.Load(_gpt2.Open(), Options(GraphPrecision.Int8), null)));
        double half = Error(Logits(SlotDecoder.Load(_gpt2.Open(), Options(GraphPrecision.Int8), null)));
        Assert.InRange(half, 0.5 * whole, 1.25 * whole);
    }

    [Fact]
    public void FuseRows_Int8Decoder_LeavesNoOperatorOfTheChains()
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Int8), GraphPrecision.Int8);
        GraphFusion.UseSlotAttention(graph);
        GraphFusion.FuseRows(graph.Model, Path.GetDirectoryName(graph.Path)!, owner: 0);
        string[] left = [.. graph.Model.Graph.Node.Select(node => node.OpType).Distinct()];
        Assert.Contains("GeluQuantizeRows", left);
        Assert.Contains("NormalizeQuantizeRows", left);
        Assert.DoesNotContain(left, name => name is "Abs" or "ReduceMax" or "QuantizeLinear" or "FastGelu" or "SkipLayerNormalization" or "GroupQueryAttention");
        Assert.DoesNotContain(graph.Model.Graph.Input, input => input.Name.StartsWith("past_key_values", StringComparison.Ordinal));
    }

    [Fact]
    public void FuseRows_Fp32Decoder_TakesTheWeightsOutOfTheGraph()
    {
        Assert.SkipUnless(PanelProduct.IsSupported, "the processor has no AVX-512: ONNX Runtime's products are used");
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32);
        GraphFusion.FuseRows(graph.Model, Path.GetDirectoryName(graph.Path)!, owner: 0);
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType is "MatMul" or "Gemm" or "FusedMatMul");
        Assert.DoesNotContain(graph.Model.Graph.Initializer, tensor => tensor.Name.EndsWith("c_fc.weight", StringComparison.Ordinal));
        Assert.Contains(graph.Model.Graph.Initializer, tensor => tensor.Name == "wte.weight");   // embeddings are looked up in it
    }

    [Fact]
    public void UseSlotAttention_AnotherAttention_IsRefusedByName()
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32);
        graph.Model.Graph.Node.First(node => node.OpType == "GroupQueryAttention").Attribute.Add(GraphNodes.Attribute("local_window_size", 8));
        var e = Assert.Throws<RequestFault>(() => GraphFusion.UseSlotAttention(graph));
        Assert.Contains("local_window_size", e.Message);
    }

    [Theory]
    [InlineData("../model.onnx_data")]
    [InlineData("/model.onnx_data")]
    [InlineData("..\\model.onnx_data")]
    [InlineData("..")]
    [InlineData("")]
    public void FuseRows_WeightsBeyondTheFolder_AreLeftToOnnxRuntime(string location)
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32);
        foreach (var entry in graph.Model.Graph.Initializer.SelectMany(tensor => tensor.ExternalData).Where(entry => entry.Key == "location"))
        {
            entry.Value = location;
        }

        GraphFusion.FuseRows(graph.Model, Path.GetDirectoryName(graph.Path)!, owner: 0);
        Assert.DoesNotContain(graph.Model.Graph.Node, node => node.OpType == "MultiplyRows");
    }

    [Fact]
    public void UseSlotAttention_OtherHeadsThanTheMetadata_AreRefused()
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32);
        graph.Model.Graph.Node.First(node => node.OpType == "GroupQueryAttention").Attribute.First(attribute => attribute.Name == "num_heads").I = 77;
        Assert.Contains("another number of heads", Assert.Throws<RequestFault>(() => GraphFusion.UseSlotAttention(graph)).Message);
    }

    [Fact]
    public void UseSlotAttention_LayerTwice_IsRefused()
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.Model(GraphPrecision.Fp32), GraphPrecision.Fp32);
        var twin = graph.Model.Graph.Node.First(node => node.OpType == "GroupQueryAttention").Clone();
        for (int i = 0; i < twin.Output.Count; i++)
        {
            twin.Output[i] += ".twin";
        }

        graph.Model.Graph.Node.Add(twin);
        Assert.Contains("layer 0 twice", Assert.Throws<RequestFault>(() => GraphFusion.UseSlotAttention(graph)).Message);
    }

    [Fact]
    public void UseSlotAttention_GraphWithoutACache_IsRefused()
    {
        var graph = GraphFile.Read(_gpt2.Open(), GraphFiles.LogProbs, GraphPrecision.Fp32);
        Assert.Contains("without a cache", Assert.Throws<RequestFault>(() => GraphFusion.UseSlotAttention(graph)).Message);
    }

    private static EngineOptions Options(GraphPrecision precision) => new() { Threads = 2, MaxSlots = 4, MaxTokens = 32, Precision = precision };

    // Prompts of three lengths, a chunk on top of one, a shared beginning, and a step of all rows.
    private static float[] Logits(IDecoder decoder)
    {
        using (decoder)
        {
            decoder.Prefill([[1, 2, 3], Ids, [7]], 0);
            decoder.Extend(2, [8, 9, 10, 11], 1);
            decoder.CopyRow(1, 3, 5);
            decoder.Step([4, 5, 6, 7], [3, 8, 5, 5]);
            return [.. Enumerable.Range(0, 4).SelectMany(row => decoder.Logits(row).ToArray())];
        }
    }

    private static void AssertSame(
        TinyModel model, string name, GraphPrecision precision, Dictionary<string, (long[] Values, long[] Shape)> inputs, double tolerance)
    {
        var graph = GraphFile.Read(model.Open(), name, precision);
        using var options = GraphSession.Options(2);
        using var plain = new InferenceSession(graph.Path, options);
        double[] expected = [.. Run(plain, inputs).Select(value => (double)value)];
        using var fused = graph.Start(2);
        Assert.Contains(graph.Model.Graph.Node, node => node.Domain == OperatorDomain.Name);
        Numbers.AssertClose(expected, Run(fused, inputs), tolerance);
    }

    private static float[] Run(InferenceSession session, Dictionary<string, (long[] Values, long[] Shape)> inputs)
    {
        var values = inputs.ToDictionary(input => input.Key, input => OrtValue.CreateTensorValueFromMemory(input.Value.Values, input.Value.Shape));
        using var runOptions = new RunOptions();
        using var results = session.Run(runOptions, values, ["logits"]);
        foreach (var value in values.Values)
        {
            value.Dispose();
        }

        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static long[] Longs(int[] ids) => [.. ids.Select(id => (long)id)];
}
