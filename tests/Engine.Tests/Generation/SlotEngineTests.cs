using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Graphs;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Generation;

public sealed class SlotEngineTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    private SlotEngine Load(EngineOptions? options = null) => SlotEngine.Load(_model.Open(), options ?? new EngineOptions { Threads = 1 }, 511);

    private static async Task<IReadOnlyList<GeneratedSequence>> Run(SlotEngine engine, params PromptRequest[] prompts)
    {
        var results = await engine.GenerateAsync(new GenerationBatch(prompts), CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(2));
        return [.. results.SelectMany(samples => samples)];
    }

    private static PromptRequest RandomPrompt(Random random, int index) => new()
    {
        PromptIds = [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(512))],
        Seed = (uint)random.Next(),
        MaxNewTokens = random.Next(1, 34),
        Parameters = new SamplingParameters(Temperature: index % 4 == 0 ? 0.7f : 1, TopK: index % 3 == 0 ? 40 : 0, MinP: index % 5 == 0 ? 0.05f : 0),
    };

    [Fact]
    public async Task GenerateAsync_GreedyOnFixturePrompts_EqualsExpectedIds()
    {
        await using var engine = Load();
        var cases = TinyModel.GreedyCases();
        var results = await Run(engine, [.. cases.Select(c => new PromptRequest { PromptIds = c.Prompt, MaxNewTokens = 20, Parameters = SamplingParameters.Greedy })]);
        Assert.Equal(cases.Select(c => c.Greedy), results.Select(sequence => sequence.Ids));
    }

    [Fact]
    public async Task GenerateAsync_SameSeedAloneAndAmongThirtyOneOthers_SameTokens()
    {
        var random = new Random(5);
        await using var engine = Load();
        PromptRequest[] prompts = [.. Enumerable.Range(0, 32).Select(i => RandomPrompt(random, i))];
        var together = await Run(engine, prompts);
        for (int i = 0; i < prompts.Length; i++)
        {
            var alone = await Run(engine, prompts[i]);
            Assert.Equal(alone[0].Ids, together[i].Ids);
            Assert.Equal(alone[0].LogProbs, together[i].LogProbs, (a, b) => MathF.Abs(a - b) <= 1e-5f);
        }
    }

    // Each request is put in from another one's token callback, so that rows of every age share their steps.
    [Fact]
    public async Task GenerateAsync_StaggeredAdmission_SameTokensAsAlone()
    {
        var random = new Random(6);
        await using var engine = Load(new EngineOptions { Threads = 1, MaxSlots = 6 });
        PromptRequest[] prompts = [.. Enumerable.Range(0, 24).Select(i => RandomPrompt(random, i))];
        var alone = new List<int[]>();
        foreach (var prompt in prompts)
        {
            alone.Add((await Run(engine, prompt))[0].Ids);
        }

        var running = new Task<IReadOnlyList<GeneratedSequence>>[prompts.Length];
        var allStarted = new TaskCompletionSource();
        void Start(int index)
        {
            if (index == prompts.Length)
            {
                allStarted.TrySetResult();
                return;
            }

            int tokens = 0;
            running[index] = Run(engine, prompts[index] with
            {
                OnToken = _ =>
                {
                    if (++tokens == Math.Min(3, prompts[index].MaxNewTokens))
                    {
                        Start(index + 1);
                    }
                },
            });
        }

        Start(0);
        await allStarted.Task.WaitAsync(TimeSpan.FromMinutes(1));
        var staggered = await Task.WhenAll(running);
        Assert.Equal(alone, staggered.Select(result => result[0].Ids));
    }

    [Theory]
    [InlineData(1f, 0, 1f, 0f)]
    [InlineData(0.7f, 0, 1f, 0f)]
    [InlineData(1f, 30, 1f, 0f)]
    [InlineData(1f, 0, 0.8f, 0f)]
    [InlineData(1f, 0, 1f, 0.15f)]
    public async Task GenerateAsync_TwentyThousandDraws_FitTheFixturesSoftmax(float temperature, int topK, float topP, float minP)
    {
        var expected = TinyModel.Expected("tiny-gpt2");
        int[] prompt = TinyModel.Ids(expected.GetProperty("input_ids")[0]);
        float[] logits = [.. expected.GetProperty("logits_last_position")[0].EnumerateArray().Select(value => value.GetSingle())];
        await using var engine = Load(new EngineOptions { Threads = 1, MaxSlots = 250, MaxQueue = 20_000 });
        var results = await Run(engine, new PromptRequest
        {
            PromptIds = prompt, Samples = 20_000, MaxNewTokens = 1, Seed = 77, Parameters = new SamplingParameters(temperature, topK, topP, minP),
        });
        int[] counts = new int[logits.Length];
        foreach (var sequence in results)
        {
            counts[sequence.Ids[0]]++;
        }

        ChiSquare.AssertFits(counts, ReferenceDistribution.Of(logits, temperature, topK, topP, minP));
    }

    [Fact]
    public async Task GenerateAsync_LogProbs_EqualTheLogProbEngines()
    {
        var random = new Random(8);
        await using var engine = Load();
        using var scorer = LogProbEngine.Load(_model.Open(), new EngineOptions { Threads = 1 });
        PromptRequest[] prompts = [.. Enumerable.Range(0, 40).Select(i => RandomPrompt(random, i) with { Samples = 2 })];
        var results = await Run(engine, prompts);
        ScoredSequence[] sequences = [.. results.Select((sequence, i) => new ScoredSequence(prompts[i / 2].PromptIds, sequence.Ids))];
        var scores = scorer.Score(sequences, CancellationToken.None);
        for (int i = 0; i < results.Count; i++)
        {
            Assert.Equal(scores[i].TokenLogProbs, results[i].LogProbs, (a, b) => MathF.Abs(a - b) <= 1e-4f);   // the issue's own bound
        }
    }

    [Fact]
    public async Task GenerateAsync_PromptAndCompletionFillTheContext_EqualsTheLogProbEngine()
    {
        await using var engine = Load();
        using var scorer = LogProbEngine.Load(_model.Open(), new EngineOptions { Threads = 1 });
        int[] longest = [.. Enumerable.Range(0, 63).Select(i => (i * 37) % 512)];
        PromptRequest[] prompts =
        [
            new() { PromptIds = longest, MaxNewTokens = 1 },
            new() { PromptIds = longest[..44], MaxNewTokens = 20 },
            new() { PromptIds = longest[..1], MaxNewTokens = 63 },
        ];
        var results = await Run(engine, prompts);
        Assert.Equal([1, 20, 63], results.Select(sequence => sequence.Ids.Length));
        var scores = scorer.Score([.. results.Select((sequence, i) => new ScoredSequence(prompts[i].PromptIds, sequence.Ids))], CancellationToken.None);
        for (int i = 0; i < results.Count; i++)
        {
            Assert.Equal(scores[i].TokenLogProbs, results[i].LogProbs, (a, b) => MathF.Abs(a - b) <= 1e-4f);
        }
    }

    [Fact]
    public async Task GenerateAsync_CancelledMidFlight_OthersUnaffectedAndSlotsFree()
    {
        await using var engine = Load(new EngineOptions { Threads = 1, MaxSlots = 4 });
        var keptPrompt = new PromptRequest { PromptIds = [1, 2, 3], MaxNewTokens = 60, Seed = 3 };
        var expected = await Run(engine, keptPrompt);
        using var cancel = new CancellationTokenSource();
        int tokens = 0;
        var doomed = engine.GenerateAsync(
            new GenerationBatch([new PromptRequest { PromptIds = [4, 5], MaxNewTokens = 60, Samples = 3, OnToken = _ => { if (++tokens == 15) { cancel.Cancel(); } } }]),
            cancel.Token);
        var kept = Run(engine, keptPrompt);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => doomed);
        Assert.Equal(expected[0].Ids, (await kept)[0].Ids);
        Assert.InRange(tokens, 15, 18);                      // the step under way, no more
        Assert.Equal(4, (await Run(engine, keptPrompt with { Samples = 4, MaxNewTokens = 5 })).Count);
    }

    [Fact]
    public async Task GenerateAsync_TwoModelsAtOnce_EachEqualsItsRunAlone()
    {
        using var perturbed = new TinyModel("tiny-gpt2");
        perturbed.ScaleWeights(1.05f);
        await using var first = Load();
        await using var second = SlotEngine.Load(perturbed.Open(), new EngineOptions { Threads = 1 }, null);
        var prompt = new PromptRequest { PromptIds = [7, 8, 9], MaxNewTokens = 40, Samples = 8, Seed = 2 };
        var firstAlone = await Run(first, prompt);
        var secondAlone = await Run(second, prompt);
        var both = await Task.WhenAll(Run(first, prompt), Run(second, prompt));
        Assert.Equal(firstAlone.Select(s => s.Ids), both[0].Select(s => s.Ids));
        Assert.Equal(secondAlone.Select(s => s.Ids), both[1].Select(s => s.Ids));
        Assert.NotEqual(firstAlone.Select(s => s.Ids), secondAlone.Select(s => s.Ids));
    }

    [Fact]
    public async Task GenerateAsync_StopId_EndsThereWithReasonStop()
    {
        await using var engine = Load();
        var (prompt, greedy) = TinyModel.GreedyCases()[0];
        var result = await Run(engine, new PromptRequest { PromptIds = prompt, MaxNewTokens = 20, Parameters = SamplingParameters.Greedy, Stop = new StopRule([greedy[4]]) });
        int end = Array.IndexOf(greedy, greedy[4]) + 1;
        Assert.Equal(greedy[..end], result[0].Ids);
        Assert.Equal(GenerationEnd.Stop, result[0].End);
    }

    [Fact]
    public async Task Load_Int8_DrawsFromNearlyTheSameDistribution()
    {
        await using var engine = Load(new EngineOptions { Threads = 1, Precision = GraphPrecision.Int8 });
        using var scorer = LogProbEngine.Load(_model.Open(), new EngineOptions { Threads = 1 });
        var prompt = new PromptRequest { PromptIds = [7, 8, 9], MaxNewTokens = 40, Samples = 8, Seed = 2 };
        var results = await Run(engine, prompt);
        var scores = scorer.Score([.. results.Select(s => new ScoredSequence(prompt.PromptIds, s.Ids))], CancellationToken.None);
        double meanError = results.Zip(scores, (s, score) => s.LogProbs.Zip(score.TokenLogProbs, (a, b) => Math.Abs(a - b)).Average()).Average();
        Assert.InRange(meanError, 1e-6, 0.1);                // 8-bit weights and activations: near, and not the fp32 graph by mistake
    }

    [Fact]
    public void Load_CacheAboveLimit_IsRefusedStatingItsSize()
    {
        // 32 slots × 64 tokens × 2 layers × 2 × 32 wide × 4 bytes
        var e = Assert.Throws<RequestFault>(() => Load(new EngineOptions { MaxCacheBytes = 1_000_000 }));
        Assert.Contains("1,048,576 bytes; the limit is 1,000,000 (MaxCacheMegabytes)", e.Message);
    }

    [Fact]
    public void Load_RoomForOneToken_IsRefused() =>
        Assert.Contains("room for 2 tokens", Assert.Throws<RequestFault>(() => Load(new EngineOptions { MaxTokens = 1 })).Message);

    [Fact]
    public void Size_MoreThanCanBeCounted_IsRefused()
    {
        var shape = new GraphShape(new GraphMetadata("f", "fp32", int.MaxValue, int.MaxValue, int.MaxValue, 16, 64));
        Assert.Contains("larger than any memory", Assert.Throws<RequestFault>(() => CacheSize.Of(shape, 1, 64, long.MaxValue)).Message);
    }

    [Fact]
    public void Load_MaxTokensAboveContext_IsRefused() =>
        Assert.Contains("64 positions", Assert.Throws<RequestFault>(() => Load(new EngineOptions { MaxTokens = 65 })).Message);
}
