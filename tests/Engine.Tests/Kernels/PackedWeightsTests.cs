using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Kernels;

/// <summary>The decoder and both sessions of the log-prob graph share one copy of a model's weights.</summary>
public sealed class PackedWeightsTests : IDisposable
{
    private static readonly EngineOptions Options = new() { Threads = 2, MaxSlots = 3, MaxTokens = 32 };
    private readonly string _root = Directory.CreateTempSubdirectory("rudder-weights-").FullName;
    private readonly string _a;
    private readonly string _b;

    public PackedWeightsTests()
    {
        _a = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "a"));
        _b = ModelCopies.Scaled(_a, Path.Combine(_root, "b"), 1.25f);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Bytes_DecoderAndLogProbs_CountEachMatrixOnceUntilTheLastSessionIsDisposed()
    {
        Assert.SkipUnless(PanelProduct.IsSupported, "the processor has no AVX-512: ONNX Runtime packs the weights");
        const int Columns = PanelProduct.Columns;
        long Panels(int inputs, int outputs) => (long)(outputs + Columns - 1) / Columns * Columns * inputs;
        long expected = 4 * ((2 * (Panels(32, 96) + Panels(32, 32) + Panels(32, 128) + Panels(128, 32))) + Panels(32, 512));

        var folder = GraphFolder.Open(_a);
        var graph = LogProbGraph.Load(folder, Options);
        Assert.Equal(expected, folder.Weights.Bytes);
        var decoder = SlotDecoder.Load(folder, Options, null);
        Assert.Equal(expected, folder.Weights.Bytes);
        graph.Dispose();
        Assert.Equal(expected, folder.Weights.Bytes);
        decoder.Dispose();
        Assert.Equal(0, folder.Weights.Bytes);
        Assert.Throws<InvalidOperationException>(() => PackedWeights.Of(folder.Weights.Owner));
    }

    [Fact]
    public void Open_GraphThatOnnxRuntimeRefuses_LeavesNothingOpen()
    {
        var weights = new PackedWeights();
        using var options = GraphSession.Options(1);
        Assert.ThrowsAny<Exception>(() => weights.Open([1, 2, 3], options, []));
        Assert.Throws<InvalidOperationException>(() => PackedWeights.Of(weights.Owner));
    }

    // All weights differ, so one that is not replaced, or is folded into the graph, changes bits.
    [Fact]
    public void Replace_AllWeightsThereAndBack_GivesTheOtherModelsBitsAndThenItsOwn()
    {
        float[] a = Logits(GraphFolder.Open(_a)), b = Logits(GraphFolder.Open(_b));
        Assert.NotEqual(a, b);
        var folder = GraphFolder.Open(_a, replaceable: true);
        using var decoder = SlotDecoder.Load(folder, Options, null);
        using var graph = LogProbGraph.Load(folder, Options);
        Assert.Equal(a, Logits(decoder, graph));

        Replace(folder.Weights, _b);
        Assert.Equal(b, Logits(decoder, graph));

        Replace(folder.Weights, _a);
        Assert.Equal(a, Logits(decoder, graph));
    }

    [Fact]
    public void Places_ReplaceableModel_AreTheTensorsOfItsCheckpoint()
    {
        var folder = GraphFolder.Open(_a, replaceable: true);
        using var decoder = SlotDecoder.Load(folder, Options, null);
        Assert.Equal(
            Weights(_a).Select(pair => (pair.Key, (long)pair.Value.Length)).Order(),
            folder.Weights.Places.Select(place => (place.Name, place.Length)).Order());
    }

    private static void Replace(PackedWeights weights, string folder)
    {
        using var pinned = new PinnedWeights(Weights(folder));
        weights.Replace(pinned);
    }

    private static Dictionary<string, ReadOnlyMemory<float>> Weights(string folder) =>
        ModelCopies.WeightsOf(folder).ToDictionary(pair => WeightNames.InGraph(pair.Key), pair => pair.Value);

    private static float[] Logits(GraphFolder folder)
    {
        using var decoder = SlotDecoder.Load(folder, Options, null);
        using var graph = LogProbGraph.Load(folder, Options);
        return Logits(decoder, graph);
    }

    // A prefill, a chunk on top of it, a step, and the log-prob graph at every position.
    private static float[] Logits(SlotDecoder decoder, LogProbGraph graph)
    {
        decoder.Prefill([[5, 300, 17, 42], [1, 2, 3]], 0);
        decoder.Extend(1, [8, 9], 3);
        decoder.Step([4, 6], [4, 5]);
        var chunk = ScoringChunk.Of([new ScoredSequence([5, 300], [17, 42, 511]), new ScoredSequence([7], [9])], [0, 1]);
        int positions = chunk.Positions.Length, vocabulary = graph.Shape.Vocabulary;
        using NativeBuffer<float> states = graph.States(chunk), logits = new((long)positions * vocabulary);
        graph.Project(states, 0, positions, logits);
        return [.. decoder.Logits(0), .. decoder.Logits(1), .. logits.Span(0, positions * vocabulary)];
    }
}
