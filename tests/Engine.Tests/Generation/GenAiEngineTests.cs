using Rudder.Engine.Generation;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;
using Rudder.Tests;

namespace Rudder.Engine.Tests.Generation;

public sealed class GenAiEngineTests : IDisposable
{
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    private GenAiEngine Load() => GenAiEngine.Load(_model.Open(), new EngineOptions { Threads = 1 }, 511);

    private static async Task<IReadOnlyList<GeneratedSequence>> Run(GenAiEngine engine, params PromptRequest[] prompts)
    {
        var results = await engine.GenerateAsync(new GenerationBatch(prompts, 3), CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(2));
        return [.. results.SelectMany(samples => samples)];
    }

    [Theory]
    [InlineData("\"type\": \"decoder\"", "\"type\": \"gpt2\"", "model.type")]
    [InlineData("\"log_id\":", "\"custom_ops_library\": \"/lib/x.so\", \"log_id\":", "model.decoder.session_options.custom_ops_library")]
    [InlineData("\"provider_options\": []", "\"provider_options\": [{}]", "model.decoder.session_options.provider_options")]
    [InlineData("onnx/model.onnx", "../model.onnx", "model.decoder.filename")]
    [InlineData("\"search\":", "\"engine\": {\"a\": 1}, \"search\":", "engine.a")]
    [InlineData("\"pad_token_id\": 511,", "", "model.pad_token_id")]
    public void Load_ConfigThatNoExportWrites_NamesTheKey(string written, string changed, string key)
    {
        string path = Path.Combine(_model.Open().ModelFolder, "genai_config.json");
        string text = File.ReadAllText(path);
        Assert.Contains(written, text);
        File.WriteAllText(path, text.Replace(written, changed, StringComparison.Ordinal));

        var refused = Assert.Throws<RequestFault>(Load);

        Assert.Equal(FaultKind.ModelUnusable, refused.Kind);
        Assert.Contains($"'{key}'", refused.Message);
    }

    [Fact]
    public void Load_ConfigOfMoreThanAMebibyte_IsRefused()
    {
        string path = Path.Combine(_model.Open().ModelFolder, "genai_config.json");
        File.WriteAllText(path, File.ReadAllText(path) + new string(' ', 1 << 20));

        Assert.Equal(FaultKind.ModelUnusable, Assert.Throws<RequestFault>(Load).Kind);
    }

    [Fact]
    public async Task GenerateAsync_GreedyOnFixturePrompts_EqualsExpectedIds()
    {
        await using var engine = Load();
        var cases = TinyModel.GreedyCases();
        var results = await Run(engine, [.. cases.Select(c => new PromptRequest { PromptIds = c.Prompt, MaxNewTokens = 20, Parameters = SamplingParameters.Greedy })]);
        Assert.Equal(cases.Select(c => c.Greedy), results.Select(sequence => sequence.Ids));
    }

    [Fact]
    public async Task GenerateAsync_PromptsOfSeveralLengths_EachEqualsItsRunAlone()
    {
        await using var engine = Load();
        PromptRequest[] prompts = [.. Enumerable.Range(1, 7).Select(n => new PromptRequest
        {
            PromptIds = [.. Enumerable.Range(0, 1 + (n % 3)).Select(i => (n * 31) + i)], MaxNewTokens = 15, Parameters = SamplingParameters.Greedy,
        })];
        var together = await Run(engine, prompts);
        for (int i = 0; i < prompts.Length; i++)
        {
            Assert.Equal((await Run(engine, prompts[i]))[0].Ids, together[i].Ids);
        }
    }

    [Fact]
    public async Task GenerateAsync_PlainDraws_FitTheFixturesSoftmax()
    {
        var expected = TinyModel.Expected("tiny-gpt2");
        float[] logits = [.. expected.GetProperty("logits_last_position")[0].EnumerateArray().Select(value => value.GetSingle())];
        await using var engine = Load();
        var results = await Run(engine, new PromptRequest { PromptIds = TinyModel.Ids(expected.GetProperty("input_ids")[0]), Samples = 4000, MaxNewTokens = 1 });
        int[] counts = new int[logits.Length];
        foreach (var sequence in results)
        {
            counts[sequence.Ids[0]]++;
        }

        ChiSquare.AssertFits(counts, ReferenceDistribution.Of(logits));
    }

    [Theory]
    [InlineData(1f, 0, 1f)]
    [InlineData(0.6f, 20, 1f)]
    [InlineData(1.4f, 0, 0.7f)]
    public async Task GenerateAsync_LogProbs_AreRawAndEqualTheLogProbEngines(float temperature, int topK, float topP)
    {
        await using var engine = Load();
        using var scorer = LogProbEngine.Load(_model.Open(), new EngineOptions { Threads = 1 });
        var prompt = new PromptRequest { PromptIds = [5, 6, 7], MaxNewTokens = 30, Samples = 6, Parameters = new SamplingParameters(temperature, topK, topP) };
        var results = await Run(engine, prompt);
        var scores = scorer.Score([.. results.Select(sequence => new ScoredSequence(prompt.PromptIds, sequence.Ids))], CancellationToken.None);
        for (int i = 0; i < results.Count; i++)
        {
            Assert.Equal(scores[i].TokenLogProbs, results[i].LogProbs, (a, b) => MathF.Abs(a - b) <= 1e-4f);   // the issue's own bound
        }
    }

    [Theory]
    [InlineData(512)]
    [InlineData(513)]
    public async Task GenerateAsync_TopKOfTheVocabularyOrMore_KeepsAll(int topK)
    {
        await using var engine = Load();
        var prompt = new PromptRequest { PromptIds = [5, 6, 7], MaxNewTokens = 12, Samples = 4 };
        var all = await Run(engine, prompt);
        var cut = await Run(engine, prompt with { Parameters = new SamplingParameters(TopK: topK) });
        Assert.Equal(all.Select(s => s.Ids), cut.Select(s => s.Ids));
    }

    [Fact]
    public async Task GenerateAsync_SameSeedSameRequest_SameTokens()
    {
        await using var engine = Load();
        var prompt = new PromptRequest { PromptIds = [5, 6, 7], MaxNewTokens = 12, Samples = 40 };
        var first = await Run(engine, prompt);
        var second = await Run(engine, prompt);
        Assert.Equal(first.Select(s => s.Ids), second.Select(s => s.Ids));
        Assert.True(first.Select(s => string.Join(' ', s.Ids)).Distinct().Count() >= 39);   // 40 samples in two chunks are not copies
    }

    // The fixture's padding id is its end-of-text id, 511.
    [Fact]
    public async Task GenerateAsync_PaddingIdBeforeTheLastToken_EqualsTheSlotEngine()
    {
        await using var engine = Load();
        await using var slots = SlotEngine.Load(_model.Open(), new EngineOptions { Threads = 1, MaxSlots = 4 }, 511);
        int[][] prompts = [[5, 511, 7], [511, 5, 7], [8, 6, 4]];
        PromptRequest[] requests = [.. prompts.Select(ids => new PromptRequest { PromptIds = ids, MaxNewTokens = 10, Parameters = SamplingParameters.Greedy })];
        var expected = await slots.GenerateAsync(new GenerationBatch(requests, 3), CancellationToken.None);
        Assert.Equal(expected.Select(samples => samples[0].Ids), (await Run(engine, requests)).Select(sequence => sequence.Ids));
    }

    [Fact]
    public async Task GenerateAsync_LastTokenIsThePaddingId_IsRefusedInABatchAndRightAlone()
    {
        await using var engine = Load();
        await using var slots = SlotEngine.Load(_model.Open(), new EngineOptions { Threads = 1, MaxSlots = 4 }, 511);
        var padded = new PromptRequest { PromptIds = [5, 7, 511], MaxNewTokens = 10, Parameters = SamplingParameters.Greedy };
        var expected = await slots.GenerateAsync(new GenerationBatch([padded], 3), CancellationToken.None);
        Assert.Equal(expected[0][0].Ids, (await Run(engine, padded))[0].Ids);

        var e = await Assert.ThrowsAsync<RequestFault>(() => Run(engine, padded with { PromptIds = [8, 6, 4] }, padded));
        Assert.Equal("prompts[1].ids", e.Field);
        Assert.Contains("padding id", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("511", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GenerateAsync_MinP_IsRefusedByName()
    {
        await using var engine = Load();
        var e = await Assert.ThrowsAsync<RequestFault>(
            () => Run(engine, new PromptRequest { PromptIds = [1], MaxNewTokens = 1, Parameters = new SamplingParameters(MinP: 0.1f) }));
        Assert.Equal("settings.min_p", e.Field);
    }

    [Fact]
    public async Task GenerateAsync_OwnSeedOfOnePrompt_IsRefusedByName()
    {
        await using var engine = Load();
        var plain = new PromptRequest { PromptIds = [1], MaxNewTokens = 1 };
        var e = await Assert.ThrowsAsync<RequestFault>(() => Run(engine, plain, plain with { Seed = 4, HasOwnSeed = true }));
        Assert.Equal("prompts[1].seed", e.Field);
    }

    [Fact]
    public async Task GenerateAsync_MixedParameters_AreRefusedByName()
    {
        await using var engine = Load();
        var plain = new PromptRequest { PromptIds = [1], MaxNewTokens = 1 };
        var e = await Assert.ThrowsAsync<RequestFault>(() => Run(engine, plain, plain with { Parameters = SamplingParameters.Greedy }));
        Assert.Equal("prompts[1].settings", e.Field);
    }

    [Fact]
    public async Task GenerateAsync_Cancelled_EndsAndTheEngineGoesOn()
    {
        await using var engine = Load();
        using var cancel = new CancellationTokenSource();
        var prompt = new PromptRequest { PromptIds = [1], MaxNewTokens = 60, OnToken = _ => cancel.Cancel() };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.GenerateAsync(new GenerationBatch([prompt]), cancel.Token));
        Assert.Equal(5, (await Run(engine, prompt with { OnToken = null, MaxNewTokens = 5 }))[0].Ids.Length);
    }

    [Fact]
    public async Task GenerateAsync_ModelIsEnded_IsUnavailable()
    {
        await using var engine = Load();
        using var ended = new CancellationTokenSource();
        var prompt = new PromptRequest { PromptIds = [1], MaxNewTokens = 60, OnToken = _ => ended.Cancel() };

        var fault = await Assert.ThrowsAsync<RequestFault>(
            () => engine.GenerateAsync(new GenerationBatch([prompt]) { Ended = ended.Token }, CancellationToken.None));

        Assert.Equal(FaultKind.Unavailable, fault.Kind);
    }

    // genai_config.json may name another end-of-text id than config.json.
    [Fact]
    public async Task GenerateAsync_GenAiEndsEarlier_GivesWhatWasDrawn()
    {
        var (prompt, greedy) = TinyModel.GreedyCases()[0];
        int end = Enumerable.Range(0, greedy.Length).First(i => i > 0 && Array.IndexOf(greedy, greedy[i]) == i);
        string path = Path.Combine(_model.Open().ModelFolder, "genai_config.json");
        string text = File.ReadAllText(path);
        Assert.Contains("\"eos_token_id\": 511", text);
        File.WriteAllText(path, text.Replace("\"eos_token_id\": 511", $"\"eos_token_id\": {greedy[end]}", StringComparison.Ordinal));
        await using var engine = Load();

        var drawn = Assert.Single(await Run(engine, new PromptRequest { PromptIds = prompt, MaxNewTokens = 20, Parameters = SamplingParameters.Greedy }));

        Assert.Equal(greedy[..(end + 1)], drawn.Ids);
        Assert.Equal(GenerationEnd.Length, drawn.End);
    }

    [Fact]
    public async Task GenerateAsync_QueueFull_CountsWhatWaitsAndNotWhatRuns()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        await using var engine = GenAiEngine.Load(_model.Open(), new EngineOptions { Threads = 1, MaxQueue = 2 }, 511);
        var prompt = new PromptRequest { PromptIds = [1], MaxNewTokens = 3, Samples = 2 };
        var running = Run(engine, prompt with
        {
            OnToken = _ =>
            {
                started.Set();
                hold.Wait(TimeSpan.FromMinutes(1));
            },
        });
        Assert.True(started.Wait(TimeSpan.FromMinutes(1)));
        var queued = Run(engine, prompt);
        var e = await Assert.ThrowsAsync<RequestFault>(() => Run(engine, prompt));
        hold.Set();
        Assert.Contains("2 sequences wait already and the request adds 2; the queue holds 2", e.Message);
        Assert.Equal(2, (await running).Count);
        Assert.Equal(2, (await queued).Count);
    }

    [Fact]
    public async Task DisposeAsync_AfterIt_NewWorkIsRefused()
    {
        var engine = Load();
        await engine.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        await Assert.ThrowsAsync<RequestFault>(() => Run(engine, new PromptRequest { PromptIds = [1], MaxNewTokens = 1 }));
    }

    [Fact]
    public void Load_NoEndOfTextId_IsRefusedNamingTheSlotsEngine()
    {
        var e = Assert.Throws<RequestFault>(() => GenAiEngine.Load(_model.Open(), new EngineOptions { Threads = 1 }, null));
        Assert.Contains("names no eos_token_id", e.Message);
        Assert.Contains("the engine slots", e.Message);
    }

    [Fact]
    public void Load_CacheAboveLimit_IsRefusedStatingItsSize()
    {
        // 32 slots × 64 tokens × 2 layers × 2 × 32 wide × 4 bytes
        var e = Assert.Throws<RequestFault>(() => GenAiEngine.Load(_model.Open(), new EngineOptions { Threads = 1, MaxCacheBytes = 1_000_000 }, 511));
        Assert.Contains("1,048,576 bytes; the limit is 1,000,000 (MaxCacheMegabytes)", e.Message);
    }

    [Fact]
    public async Task Load_MaxSlotsAboveThirtyTwo_TellsThirtyTwo()
    {
        await using var engine = GenAiEngine.Load(_model.Open(), new EngineOptions { Threads = 1, MaxSlots = 64 }, 511);
        Assert.Equal(32, engine.Info.Slots);
    }

    [Fact]
    public async Task GenerateAsync_LogitsThatAreNoDistribution_Fails()
    {
        _model.ScaleWeights(float.NaN);
        await using var engine = Load();
        var e = await Assert.ThrowsAsync<EngineFailedException>(() => Run(engine, new PromptRequest { PromptIds = [1], MaxNewTokens = 1 }));
        Assert.IsType<InvalidLogitsException>(e.InnerException);
    }
}
