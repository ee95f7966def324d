using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;
using Rudder.Engine.Scoring;
using Rudder.Trainer.Architectures;
using Rudder.Trainer.Architectures.Llama;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Architectures.Llama;

/// <summary>The exported graphs in every engine against the numbers of transformers 4.51.1.</summary>
public sealed class LlamaOnnxTests(ExportedDecoders exported) : IClassFixture<ExportedDecoders>, IDisposable
{
    private const float LogitTolerance = 2e-5f;
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Names => ["tiny-llama", "tiny-qwen2", "tiny-qwen3", "tiny-llama3-rope", "tiny-smollm"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void LogProbs_Fixture_MatchesLastLogits(string name)
    {
        var fixture = new DecoderFixture(name);
        using var graph = LogProbGraph.Load(exported.AsWritten(fixture), new EngineOptions { Threads = 1 });
        int[][] rows = fixture.Rows;
        int width = rows.Max(row => row.Length);
        long[] ids = [.. rows.SelectMany(row => row.Concat(new int[width - row.Length])).Select(id => (long)id)];
        long[] places = [.. rows.Select((row, b) => (long)(b * width) + row.Length - 1)];
        using NativeBuffer<float> states = graph.States(new ScoringChunk(ids, rows.Length, width, places, [], []));
        using NativeBuffer<float> logits = new((long)places.Length * DecoderFixture.Vocabulary);
        graph.Project(states, 0, places.Length, logits);
        for (int b = 0; b < rows.Length; b++)
        {
            AssertLast(fixture, b, logits.Span((long)b * DecoderFixture.Vocabulary, DecoderFixture.Vocabulary));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decoder_InOnnxRuntime_GivesLogitsAndGreedyTokens(string name)
    {
        var fixture = new DecoderFixture(name);
        int[][] rows = fixture.Rows;
        using var decoder = OnnxDecoder.Load(exported.AsWritten(fixture), new EngineOptions { Threads = 1, MaxSlots = rows.Length }, null);
        AssertDecoder(fixture, decoder);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Decoder_InSlots_GivesLogitsAndGreedyTokens(string name)
    {
        var fixture = new DecoderFixture(name);
        using var decoder = SlotDecoder.Load(GraphFolder.Open(exported.Folder(fixture)), new EngineOptions { Threads = 1, MaxSlots = fixture.Rows.Length }, null);
        AssertDecoder(fixture, decoder);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Decoder_InGenAi_GivesTheGreedyTokens(string name)
    {
        var fixture = new DecoderFixture(name);
        await using var engine = GenAiEngine.Load(GraphFolder.Open(exported.Folder(fixture)), new EngineOptions { Threads = 1 }, eosId: 2);
        foreach ((int[] prompt, int[] greedy) in fixture.Rows.Zip(fixture.Greedy))
        {
            var request = new PromptRequest { PromptIds = prompt, MaxNewTokens = greedy.Length, Parameters = SamplingParameters.Greedy };
            var results = await engine.GenerateAsync(new GenerationBatch([request]), CancellationToken.None);
            int end = Array.IndexOf(greedy, 2);                  // GenAI ends at the end-of-text id
            Assert.Equal(end < 0 ? greedy : greedy[..(end + 1)], results[0][0].Ids);
        }
    }

    [Fact]
    public async Task EngineHost_Fixture_ServesAndScores()
    {
        var fixture = new DecoderFixture("tiny-llama3-rope");
        await using var engine = new EngineHost(new EngineOptions { Threads = 1, MaxSlots = 4 });
        await engine.LoadAsync(new ModelSource("model", exported.Folder(fixture)) { ReplaceableWeights = true });
        var request = new GenerationRequest
        {
            Prompts = [.. fixture.Rows.Select(row => new PromptContent { Ids = row })], MaxNewTokens = 12, Parameters = SamplingParameters.Greedy,
        };
        await AssertGreedy();

        // The same weights again, then others: names and layout are the checkpoint's.
        using var weights = Weights.Open(fixture.Folder);
        var values = weights.Tensors.ToDictionary(tensor => tensor.Name, tensor => (ReadOnlyMemory<float>)weights.ReadFloat32(tensor.Name));
        await engine.ReplaceWeightsAsync("model", values);
        await AssertGreedy();
        values["model.norm.weight"] = values["model.norm.weight"].ToArray().Reverse().ToArray();
        await engine.ReplaceWeightsAsync("model", values);
        Assert.NotEqual(fixture.Greedy[0], (await engine.GenerateAsync("model", request))[0][0].Ids);

        async Task AssertGreedy()
        {
            var drawn = await engine.GenerateAsync("model", request);
            for (int b = 0; b < drawn.Count; b++)
            {
                int end = Array.IndexOf(fixture.Greedy[b], 2);
                Assert.Equal(end < 0 ? fixture.Greedy[b] : fixture.Greedy[b][..(end + 1)], drawn[b][0].Ids);
            }
        }
    }

    // The parity check compares every graph with the trainer's model: prompts, cached steps, int8 in both caches.
    [Theory]
    [InlineData("llama", 8)]
    [InlineData("llama", 16)]
    [InlineData("qwen2", 24)]
    [InlineData("qwen3", 16)]
    [InlineData("qwen3", 24)]
    [InlineData("mistral", 8)]
    [InlineData("mistral", 16)]
    public void Run_HeadSizesAndWindows_PassTheCheck(string family, int headSize)
    {
        LlamaConfig config = RandomDecoders.Config(family) with { ExplicitHeadSize = headSize };
        AssertExports(config);
    }

    [Fact]
    public void Run_BiasesEverywhere_PassTheCheck() =>
        AssertExports(RandomDecoders.Config("llama") with { AttentionBias = true, FeedForwardBias = true });

    // The slot engine's operators against the graph as written, over prompts and steps longer than the window.
    [Theory]
    [InlineData("mistral", 8)]
    [InlineData("mistral", 16)]
    [InlineData("qwen3", 24)]
    public void Decoder_InSlots_EqualsTheGraphAsWritten(string family, int headSize)
    {
        string model = Save(RandomDecoders.Config(family) with { ExplicitHeadSize = headSize });
        ModelExport.Run(model, new ExportSettings(), threads: 1);
        var options = new EngineOptions { Threads = 1, MaxSlots = 3 };
        var report = ExportReport.Read(Path.Combine(model, "onnx"));
        using var written = OnnxDecoder.Load(new GraphFolder(model, Path.Combine(model, "onnx"), report) { AsWritten = true }, options, null);
        using var slots = SlotDecoder.Load(GraphFolder.Open(model), options, null);
        int[][] prompts = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [9, 8], [3]];
        foreach (IDecoder decoder in (IDecoder[])[written, slots])
        {
            decoder.Prefill(prompts, 0);
            decoder.Step([4, 5, 6], [9, 2, 1]);
            decoder.Extend(1, [7, 8, 9, 10, 11], 3);
            decoder.Step([4, 5, 6], [10, 8, 2]);
        }

        for (int row = 0; row < prompts.Length; row++)
        {
            float[] expected = written.Logits(row).ToArray(), actual = slots.Logits(row).ToArray();
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, LogitTolerance));
        }
    }

    private static void AssertLast(DecoderFixture fixture, int row, ReadOnlySpan<float> logits)
    {
        double worst = 0;
        for (int id = 0; id < DecoderFixture.Vocabulary; id++)
        {
            worst = Math.Max(worst, Math.Abs(fixture.LastLogits[row][id] - logits[id]));
        }

        Assert.InRange(worst, 0, LogitTolerance);
    }

    private static void AssertDecoder(DecoderFixture fixture, IDecoder decoder)
    {
        int[][] prompts = fixture.Rows, greedy = fixture.Greedy;
        decoder.Prefill(prompts, 0);
        for (int step = 0; ; step++)
        {
            int[] next = [.. prompts.Select((_, row) => Best(decoder.Logits(row)))];
            for (int row = 0; row < prompts.Length; row++)
            {
                if (step == 0)
                {
                    AssertLast(fixture, row, decoder.Logits(row));
                }

                Assert.Equal(greedy[row][step], next[row]);
            }

            if (step + 1 == greedy[0].Length)
            {
                return;
            }

            decoder.Step(next, [.. prompts.Select(prompt => prompt.Length + step)]);
        }
    }

    private static int Best(ReadOnlySpan<float> logits)
    {
        int best = 0;
        for (int id = 1; id < logits.Length; id++)
        {
            best = logits[id] > logits[best] ? id : best;
        }

        return best;
    }

    private string Save(LlamaConfig config)
    {
        using LlamaModel model = RandomDecoders.Model(config);
        ModelFolder.Save(model, _folder.File("model"), tokenizer: null, WeightType.F32);
        return _folder.File("model");
    }

    private void AssertExports(LlamaConfig config)
    {
        ExportReport report = ModelExport.Run(Save(config), new ExportSettings { Int8 = true, Int8MaxKl = 0.1 }, threads: 1);
        Assert.Equal(3, report.Graphs.Count);
        Assert.All(report.Graphs.Values, graph => Assert.True(graph.Positions > 0));
    }
}
