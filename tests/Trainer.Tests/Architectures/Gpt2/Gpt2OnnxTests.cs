using Rudder.Trainer.Export;
using Rudder.Trainer.Logits;
using Rudder.Trainer.Scoring;
using Rudder.Trainer.Tests.Export;

namespace Rudder.Trainer.Tests.Architectures.Gpt2;

/// <summary>The decoder and log-prob graphs against the numbers of the field's own code.</summary>
public sealed class Gpt2OnnxTests : IDisposable
{
    private readonly TinyModels models = new();
    private readonly string graphs;

    public Gpt2OnnxTests()
    {
        string model = models.Copy("tiny-gpt2");
        ModelExport.Run(model, new ExportSettings(), threads: 1);
        graphs = Path.Combine(model, "onnx");
    }

    [Fact]
    public void Decoder_GreedyThroughTheCache_EqualsGolden()
    {
        int[][] golden = TinyModels.Ids(TinyModels.Expected("tiny-gpt2").GetProperty("greedy_from_first_5_plus_20"));
        using var decoder = new DecoderGraph(Path.Combine(graphs, "model.onnx"), 1);
        var rows = golden.Select(row => row.Take(5).ToList()).ToArray();
        float[][] logits = decoder.Prefill([.. rows.Select(row => row.ToArray())]);
        for (int step = 0; step < 20; step++)
        {
            int[] next = [.. logits.Select(row => Array.IndexOf(row, row.Max()))];
            for (int row = 0; row < rows.Length; row++)
            {
                rows[row].Add(next[row]);
            }

            logits = decoder.Step(next);
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
        using var graph = new LogProbGraph(Path.Combine(graphs, "logprobs.onnx"), 1);
        double worst = 0;
        graph.Logits(ids, [(0, 16), (1, 16), (2, 16)], logits =>
        {
            for (int row = 0; row < 3; row++)
            {
                for (int token = 0; token < 512; token++)
                {
                    worst = Math.Max(worst, Math.Abs(logits[(row * 512) + token] - last[row][token]));
                }
            }
        });
        Assert.InRange(worst, 0, 1e-5);                 // 1.3e-6 seen
    }

    [Fact]
    public void LogProbs_PaddedRow_GivesTheSameAsAlone()
    {
        int[][] ids = TinyModels.Ids(TinyModels.Expected("tiny-gpt2").GetProperty("input_ids"));
        using var graph = new LogProbGraph(Path.Combine(graphs, "logprobs.onnx"), 1);
        float[] alone = [], padded = [];
        graph.Logits([ids[0][..6]], [(0, 5)], logits => alone = logits.ToArray());
        graph.Logits([ids[1], ids[0][..6]], [(1, 5)], logits => padded = logits.ToArray());
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
        using var decoder = new DecoderGraph(Path.Combine(graphs, "model.onnx"), 1);
        decoder.Prefill([ids[0][..15], ids[1][..3], ids[2][..15]]);
        float[][] logits = [];
        for (int step = 0; step < 2; step++)
        {
            logits = decoder.Step([ids[0][15 + step], ids[1][3 + step], ids[2][15 + step]]);
        }

        Assert.All(Enumerable.Range(0, 512), token => Assert.Equal(last[0][token], logits[0][token], 1e-5));
        Assert.All(Enumerable.Range(0, 512), token => Assert.Equal(last[2][token], logits[2][token], 1e-5));
        for (int position = 5; position < 17; position++)
        {
            logits = decoder.Step([7, ids[1][position], 7]);
        }

        Assert.All(Enumerable.Range(0, 512), token => Assert.Equal(last[1][token], logits[1][token], 1e-5));
    }

    [Fact]
    public void Decoder_CacheInBFloat16_ChangesWhatFollowsThePromptAndNoMore()
    {
        int[] prompt = TinyModels.Ids(TinyModels.Expected("tiny-gpt2").GetProperty("input_ids"))[0][..12];
        using var decoder = new DecoderGraph(Path.Combine(graphs, "model.onnx"), 1);
        (float[] Prompt, float[] Next) Run(bool roundCache) => (decoder.Prefill([prompt], roundCache)[0], decoder.Step([7])[0]);
        var (whole, half, again) = (Run(false), Run(true), Run(false));
        double largest = whole.Next.Zip(half.Next, (left, right) => Math.Abs((double)left - right)).Max();
        Assert.Equal(whole.Prompt, half.Prompt);        // rounded once it has been read
        Assert.InRange(largest, 1e-5, 2e-2);            // 8 bits of keys and values: at most 1/256 of each
        Assert.Equal(whole.Next, again.Next);
    }

    public void Dispose() => models.Dispose();
}
