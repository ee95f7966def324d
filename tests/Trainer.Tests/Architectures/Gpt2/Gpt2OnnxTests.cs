using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Export;
using Rudder.Trainer.Tests.Export;

namespace Rudder.Trainer.Tests.Architectures.Gpt2;

/// <summary>The decoder and log-prob graphs against the numbers of the field's own code.</summary>
public sealed class Gpt2OnnxTests : IDisposable
{
    private readonly TinyModels _models = new();
    private readonly GraphFolder _graphs;

    public Gpt2OnnxTests()
    {
        string model = _models.Copy("tiny-gpt2");
        _graphs = new GraphFolder(model, Path.Combine(model, "onnx"), ModelExport.Run(model, new ExportSettings(), threads: 1)) { AsWritten = true };
    }

    [Fact]
    public void Decoder_GreedyThroughTheCache_EqualsGolden()
    {
        int[][] golden = TinyModels.Ids(TinyModels.Expected("tiny-gpt2").GetProperty("greedy_from_first_5_plus_20"));
        using var decoder = OnnxDecoder.Load(_graphs, new EngineOptions { Threads = 1, MaxSlots = 3 }, null);
        var rows = golden.Select(row => row.Take(5).ToList()).ToArray();
        decoder.Prefill([.. rows.Select(row => row.ToArray())], 0);
        for (int step = 0; step < 20; step++)
        {
            int[] next = [.. rows.Select((_, row) => Array.IndexOf(decoder.Logits(row).ToArray(), decoder.Logits(row).ToArray().Max()))];
            decoder.Step(next, [.. rows.Select(row => row.Count)]);
            for (int row = 0; row < rows.Length; row++)
            {
                rows[row].Add(next[row]);
            }
        }

        for (int row = 0; row < rows.Length; row++)
        {
            Assert.Equal(golden[row], rows[row]);
        }
    }

    [Fact]
    public void LogProbs_FixtureRows_MatchGoldenLogits()
    {
        var expected = TinyModels.Expected("tiny-gpt2");
        int[][] ids = TinyModels.Ids(expected.GetProperty("input_ids"));
        double[][] last = TinyModels.Numbers(expected.GetProperty("logits_last_position"));
        float[] logits = LogitsAt(ids, [16, 33, 50]);
        double worst = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(logits[i] - last[i / 512][i % 512]));
        }

        Assert.InRange(worst, 0, 1e-5);                 // 1.3e-6 seen
    }

    [Fact]
    public void LogProbs_PaddedRow_GivesTheSameAsAlone()
    {
        int[][] ids = TinyModels.Ids(TinyModels.Expected("tiny-gpt2").GetProperty("input_ids"));
        float[] alone = LogitsAt([ids[0][..6]], [5]), padded = LogitsAt([ids[1], ids[0][..6]], [17 + 5]);
        for (int token = 0; token < alone.Length; token++)
        {
            Assert.Equal(alone[token], padded[token], 1e-5f);
        }
    }

    [Fact]
    public void Decoder_RaggedRows_EachFollowsItsOwnSequence()
    {
        var expected = TinyModels.Expected("tiny-gpt2");
        int[][] ids = TinyModels.Ids(expected.GetProperty("input_ids"));
        double[][] last = TinyModels.Numbers(expected.GetProperty("logits_last_position"));
        using var decoder = OnnxDecoder.Load(_graphs, new EngineOptions { Threads = 1, MaxSlots = 3 }, null);
        decoder.Prefill([ids[0][..15], ids[1][..3], ids[2][..15]], 0);
        for (int step = 0; step < 2; step++)
        {
            decoder.Step([ids[0][15 + step], ids[1][3 + step], ids[2][15 + step]], [15 + step, 3 + step, 15 + step]);
        }

        float[][] logits = [.. Enumerable.Range(0, 3).Select(row => decoder.Logits(row).ToArray())];
        Assert.All(Enumerable.Range(0, 512), token => Assert.Equal(last[0][token], logits[0][token], 1e-5));
        Assert.All(Enumerable.Range(0, 512), token => Assert.Equal(last[2][token], logits[2][token], 1e-5));
        for (int position = 5; position < 17; position++)
        {
            decoder.Step([7, ids[1][position], 7], [position + 12, position, position + 12]);
        }

        logits[1] = decoder.Logits(1).ToArray();
        Assert.All(Enumerable.Range(0, 512), token => Assert.Equal(last[1][token], logits[1][token], 1e-5));
    }

    public void Dispose() => _models.Dispose();

    /// <summary>Logits of the log-prob graph.</summary>
    /// <param name="rows">B sequences of at most T tokens.</param>
    /// <param name="places">Indices row·T + position.</param>
    private float[] LogitsAt(int[][] rows, long[] places)
    {
        using var graph = LogProbGraph.Load(_graphs, new EngineOptions { Threads = 1 });
        int width = rows.Max(row => row.Length);
        long[] ids = [.. rows.SelectMany(row => row.Concat(new int[width - row.Length])).Select(id => (long)id)];
        using NativeBuffer<float> states = graph.States(new ScoringChunk(ids, rows.Length, width, places, [], [])), logits = new(places.Length * 512);
        graph.Project(states, 0, places.Length, logits);
        return logits.Span(0, places.Length * 512).ToArray();
    }
}
