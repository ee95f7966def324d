using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests;

/// <summary>Misuse of a lease: it never reaches the native engines.</summary>
public sealed class ModelLeaseTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly GenerationRequest Request = new() { Prompts = [new() { Ids = [1, 2, 3] }] };
    private readonly TinyModel _tiny = new("tiny-gpt2");
    private readonly ManualTime _time = new();
    private readonly LoggedLines _log = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public async Task GenerateAsync_PlanOfAnotherModel_IsRefused()
    {
        using var first = Lease(new FakeGenerator("f"));
        using var second = Lease(new FakeGenerator("s"));
        var plan = first.Plan(Request);

        await Assert.ThrowsAsync<ArgumentException>(() => second.GenerateAsync(plan).WaitAsync(Limit));
        await Assert.ThrowsAsync<ArgumentException>(() => second.ScorePromptsAsync(plan).WaitAsync(Limit));
    }

    [Fact]
    public async Task GenerateAsync_AfterDispose_IsRefused()
    {
        var generator = new FakeGenerator("f");
        var lease = Lease(generator);
        var plan = lease.Plan(Request);
        lease.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => lease.GenerateAsync(plan).WaitAsync(Limit));

        Assert.False(generator.Started.IsCompleted);
    }

    [Fact]
    public async Task Dispose_WhileItsWorkRuns_KeepsTheModelUntilTheWorkHasEnded()
    {
        var generator = new FakeGenerator("f");
        var model = generator.Model("m");
        Assert.True(model.TryEnter());
        var lease = new ModelLease(model);
        var work = lease.GenerateAsync(lease.Plan(Request));
        model.Retire();

        lease.Dispose();
        lease.Dispose();
        Assert.False(model.Idle.IsCompleted);
        generator.Release();

        await work.WaitAsync(Limit);
        await model.Idle.WaitAsync(Limit);
    }

    [Fact]
    public async Task GenerateAsync_RetiredPastItsTime_IsUnavailable()
    {
        var generator = new FakeGenerator("f");
        await using var engine = new EngineHost(new FakeLoader(generator), new EngineOptions { DrainSeconds = 10 }, _time, _log);
        await engine.LoadAsync(new ModelSource("m", "/"), CancellationToken.None);
        var work = engine.GenerateAsync("m", Request);
        await generator.Started.WaitAsync(Limit);
        var unloading = engine.UnloadAsync("m");
        Assert.True(await _time.TimerMade.WaitAsync(Limit));

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(FaultKind.Unavailable, (await Assert.ThrowsAsync<RequestFault>(() => work.WaitAsync(Limit))).Kind);
        await unloading.WaitAsync(Limit);
    }

    [Fact]
    public async Task GenerateAsync_CallerCancels_IsCancelled()
    {
        using var caller = new CancellationTokenSource();
        using var lease = Lease(new FakeGenerator("f"));
        var work = lease.GenerateAsync(lease.Plan(Request), cancellation: caller.Token);

        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work.WaitAsync(Limit));
    }

    [Fact]
    public async Task ScoreAsync_TooManyMostProbableTokens_IsRefused()
    {
        await using var engine = new EngineHost(new EngineOptions { Threads = 1, MaxSlots = 1, MaxRankedBytes = 1024 });
        await engine.LoadAsync(new ModelSource("m", _tiny.Folder));
        using var lease = engine.Acquire("m");
        var sequence = new ScoredSequence([1], [2, 3]);

        foreach (int top in (int[])[-1, 21])
        {
            var fault = await Assert.ThrowsAsync<RequestFault>(() => lease.ScoreAsync([sequence, sequence with { TopLogProbs = top }]));
            Assert.Equal("sequences[1].top_logprobs", fault.Field);
        }

        ScoredSequence[] most = [.. Enumerable.Repeat(sequence with { TopLogProbs = 16 }, 4)];          // 4 x 2 x 16 x 8 bytes
        Assert.All(await lease.ScoreAsync(most), score => Assert.Equal(2, score.Top!.Count));
        Assert.Equal("sequences", (await Assert.ThrowsAsync<RequestFault>(() => lease.ScoreAsync([.. most, .. most]))).Field);
    }

    [Fact]
    public void Score_AfterDispose_IsUnavailable()
    {
        var scorer = LogProbEngine.Load(_tiny.Open(), new EngineOptions { Threads = 1 });
        using var other = LogProbEngine.Load(_tiny.Open(), new EngineOptions { Threads = 1 });
        scorer.Dispose();
        ScoredSequence[] sequences = [new([1], [2])];

        Assert.Equal(FaultKind.Unavailable, Assert.Throws<RequestFault>(() => scorer.Score(sequences, CancellationToken.None)).Kind);
        Assert.Throws<RequestFault>(() => scorer.Diverge(other, sequences, CancellationToken.None));
        Assert.Throws<RequestFault>(() => other.Diverge(scorer, sequences, CancellationToken.None));
    }

    private static ModelLease Lease(FakeGenerator generator)
    {
        var model = generator.Model("m");
        Assert.True(model.TryEnter());
        return new ModelLease(model);
    }
}
