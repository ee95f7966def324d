using System.Buffers;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests;

/// <summary>Replacement of weights through the public interface: two models, each also loaded on its own for comparison.</summary>
public sealed class EngineHostWeightsTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private readonly string _root = Directory.CreateTempSubdirectory("rudder-host-weights-").FullName;
    private readonly EngineHost _engine = new(new() { Threads = 1, MaxSlots = 4, MaxScoringTokens = 64 });
    private string _a = "";
    private string _b = "";

    public async ValueTask InitializeAsync()
    {
        _a = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "a"));
        _b = ModelCopies.Scaled(_a, Path.Combine(_root, "b"), 1.25f);
        await _engine.LoadAsync(new ModelSource("policy", _a) { ReplaceableWeights = true });
        await _engine.LoadAsync(new ModelSource("a", _a));
        await _engine.LoadAsync(new ModelSource("b", _b));
    }

    public async ValueTask DisposeAsync()
    {
        await _engine.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task ReplaceWeightsAsync_ThereAndBack_GeneratesAndScoresAsTheModelWithThoseWeights()
    {
        Assert.Equal(0, Description.WeightsVersion);
        Assert.Equal(1, await Replace(_b));
        await AssertSameAs("b", version: 1);

        Assert.Equal(2, await Replace(_a));
        await AssertSameAs("a", version: 2);
        Assert.Equal(2, Description.WeightsVersion);
    }

    [Fact]
    public async Task ReplaceWeightsAsync_NamesWithoutPrefixAndATiedHead_AreAccepted()
    {
        var weights = ModelCopies.WeightsOf(_b).ToDictionary(pair => WeightNames.InGraph(pair.Key), pair => pair.Value);
        weights["lm_head.weight"] = weights["wte.weight"].ToArray();
        await _engine.ReplaceWeightsAsync("policy", weights);
        await AssertSameAs("b", version: 1);
    }

    [Theory]
    [InlineData("unknown", "h.9.attn.c_fc.weight")]
    [InlineData("missing", "h.1.mlp.c_fc.bias")]
    [InlineData("short", "transformer.wpe.weight", "wpe.weight")]
    [InlineData("nan", "transformer.ln_f.bias", "ln_f.bias")]
    [InlineData("infinite", "transformer.wte.weight", "wte.weight")]
    [InlineData("twice", "wte.weight")]
    [InlineData("head", "lm_head.weight")]
    public async Task ReplaceWeightsAsync_WrongWeights_AreRefusedByNameAndChangeNothing(string fault, string name, string? reported = null)
    {
        var weights = ModelCopies.WeightsOf(_b);
        float[] values = weights.TryGetValue(name, out var known) ? known.ToArray() : new float[512 * 32];
        switch (fault)
        {
            case "missing":
                Assert.True(weights.Remove("transformer." + name));
                break;
            case "short":
                weights[name] = values[1..];
                break;
            default:
                values[^1] = fault == "nan" ? float.NaN : fault == "infinite" ? float.NegativeInfinity : 1;
                weights[name] = values;
                break;
        }

        var e = await Assert.ThrowsAsync<RequestFault>(() => _engine.ReplaceWeightsAsync("policy", weights));
        Assert.Equal((FaultKind.Invalid, $"weights[{reported ?? name}]"), (e.Kind, e.Field));
        await AssertSameAs("a", version: 0);
    }

    [Fact]
    public async Task ReplaceWeightsAsync_ModelWithoutReplaceableWeights_IsRefused()
    {
        var e = await Assert.ThrowsAsync<RequestFault>(() => _engine.ReplaceWeightsAsync("a", ModelCopies.WeightsOf(_b)));
        Assert.Equal((FaultKind.Unsupported, "model"), (e.Kind, e.Field));

        e = await Assert.ThrowsAsync<RequestFault>(() => _engine.ReplaceWeightsAsync("none", ModelCopies.WeightsOf(_b)));
        Assert.Equal(FaultKind.NotFound, e.Kind);
    }

    [Fact]
    public async Task ReplaceWeightsAsync_MemoryCannotBePinned_ChangesNothing()
    {
        var weights = ModelCopies.WeightsOf(_b);
        using var last = new UnpinnableMemory(weights.Last().Value.ToArray());
        weights[weights.Last().Key] = last.Memory;

        await Assert.ThrowsAsync<NotSupportedException>(() => _engine.ReplaceWeightsAsync("policy", weights));

        await AssertSameAs("a", version: 0);
    }

    [Fact]
    public async Task ReplaceWeightsAsync_ModelIsRetiredWhileItWaits_IsUnavailable()
    {
        await using var engine = new EngineHost(new() { Threads = 1, MaxSlots = 4, DrainSeconds = 0 });
        await engine.LoadAsync(new ModelSource("policy", _a) { ReplaceableWeights = true });
        using var lease = engine.Acquire("policy");
        using var inside = await lease.Model.ScoringGate.EnterAsync(alone: false, CancellationToken.None);
        var replacing = engine.ReplaceWeightsAsync("policy", ModelCopies.WeightsOf(_b));

        var unloading = engine.UnloadAsync("policy");

        Assert.Equal(FaultKind.Unavailable, (await Assert.ThrowsAsync<RequestFault>(() => replacing.WaitAsync(Limit))).Kind);
        lease.Dispose();
        await unloading.WaitAsync(Limit);
    }

    [Theory]
    [InlineData("tiny-gpt2", "Slots", "Int8")]
    [InlineData("tiny-gpt2", "GenAi", "Fp32")]
    [InlineData("tiny-roberta", "Slots", "Fp32")]
    public async Task LoadAsync_ReplaceableWeightsThatCannotBe_IsRefused(string fixture, string engine, string precision)
    {
        string folder = ModelCopies.Plain(fixture, Path.Combine(_root, "other"));
        var source = new ModelSource("other", folder, Enum.Parse<EngineKind>(engine), Enum.Parse<GraphPrecision>(precision));
        var e = await Assert.ThrowsAsync<RequestFault>(() => _engine.LoadAsync(source with { ReplaceableWeights = true }));
        Assert.Equal((FaultKind.Unsupported, "ReplaceableWeights"), (e.Kind, e.Field));
    }

    // 40 tokens: the second request would start from the first one's cache.
    [Fact]
    public async Task ReplaceWeightsAsync_CachedPrompt_IsReadAgain()
    {
        await Generate("policy", seed: 3);
        await Replace(_b);
        Assert.Equal(Show(await Generate("b", seed: 3)), Show(await Generate("policy", seed: 3)));
    }

    // Odd versions are b. Every request has several prompts or batches, so one that saw both would be neither.
    [Fact]
    public async Task ReplaceWeightsAsync_WhileRequestsRun_EachSeesOneVersion()
    {
        const int Rounds = 12, Callers = 3;
        string[] generated = [Tokens(await Generate("a", seed: 5)), Tokens(await Generate("b", seed: 5))];
        string[] scored = [Show(await Score("a")), Show(await Score("b"))];
        Assert.NotEqual(generated[0], generated[1]);
        Assert.NotEqual(scored[0], scored[1]);
        int seen = 0;
        using var done = new CancellationTokenSource();
        async Task GenerateAll()
        {
            while (!done.IsCancellationRequested)
            {
                var sequences = await Generate("policy", seed: 5);
                Assert.Equal(generated[sequences[0].WeightsVersion % 2], Tokens(sequences));
                Interlocked.Increment(ref seen);
            }
        }

        async Task ScoreAll()
        {
            while (!done.IsCancellationRequested)
            {
                Assert.Contains(Show(await Score("policy")), scored);
                Interlocked.Increment(ref seen);
            }
        }

        Task[] callers = [.. Enumerable.Range(0, Callers).SelectMany(_ => new[] { Task.Run(GenerateAll), Task.Run(ScoreAll) })];
        for (int round = 1; round <= Rounds; round++)
        {
            Assert.Equal(round, await Replace(round % 2 == 1 ? _b : _a));
        }

        await done.CancelAsync();
        await Task.WhenAll(callers).WaitAsync(Limit);
        Assert.True(seen >= 2 * Callers, $"{seen} requests ran");
    }

    [Fact]
    public async Task LoadAsync_FortyLoadsOnFourThreads_EachModelHasItsOwnWeights()
    {
        const int Threads = 4, Loads = 10;
        string[] expected = [Show(await Generate("a", seed: 1)), Show(await Generate("b", seed: 1))];
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(async () =>
        {
            for (int load = 0; load < Loads; load++)
            {
                string name = $"t{thread}";
                int which = (thread + load) % 2;
                await _engine.LoadAsync(new ModelSource(name, which == 0 ? _a : _b));
                Assert.Equal(expected[which], Show(await Generate(name, seed: 1)));
                await _engine.UnloadAsync(name);
            }
        }))).WaitAsync(Limit);
    }

    private ModelDescription Description => _engine.List().Single(model => model.Name == "policy");

    private Task<long> Replace(string folder) => _engine.ReplaceWeightsAsync("policy", ModelCopies.WeightsOf(folder)).WaitAsync(Limit);

    private async Task AssertSameAs(string name, long version)
    {
        var sequences = await Generate("policy", seed: 9);
        Assert.All(sequences, sequence => Assert.Equal(version, sequence.WeightsVersion));
        Assert.Equal(Show(await Generate(name, seed: 9)), Show(sequences));
        Assert.Equal(Show(await Score(name)), Show(await Score("policy")));
    }

    private async Task<IReadOnlyList<GeneratedSequence>> Generate(string model, ulong seed)
    {
        PromptContent[] prompts = [.. Enumerable.Range(0, 6).Select(i => new PromptContent { Ids = Ids(i, 40) })];
        var request = new GenerationRequest { Prompts = prompts, MaxNewTokens = 8, Seed = seed };
        return [.. (await _engine.GenerateAsync(model, request).WaitAsync(Limit)).SelectMany(samples => samples)];
    }

    private Task<IReadOnlyList<SequenceScore>> Score(string model)
    {
        ScoredSequence[] sequences = [.. Enumerable.Range(0, 6).Select(i => new ScoredSequence(Ids(i, 20), Ids(i + 7, 20)))];
        return _engine.ScoreAsync(model, sequences).WaitAsync(Limit);
    }

    private static int[] Ids(int first, int count) => [.. Enumerable.Range(0, count).Select(i => ((first + i) * 37) % 512)];

    private static string Tokens(IEnumerable<GeneratedSequence> sequences) =>
        string.Join('\n', sequences.Select(sequence => string.Join(' ', sequence.Ids)));

    // To the last bit.
    private static string Show(IEnumerable<GeneratedSequence> sequences) =>
        string.Join('\n', sequences.Select(sequence => string.Join(' ', sequence.Ids) + " " + Show(sequence.LogProbs)));

    private static string Show(IEnumerable<SequenceScore> scores) => string.Join('\n', scores.Select(score => Show(score.TokenLogProbs)));

    private static string Show(float[] values) => string.Join(' ', values.Select(BitConverter.SingleToUInt32Bits));

    private sealed class UnpinnableMemory(float[] values) : MemoryManager<float>
    {
        public override Span<float> GetSpan() => values;

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
