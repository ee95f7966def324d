using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests;

public sealed class EngineHostTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly ModelSource Source = new("m", "/", default, default);
    private readonly LoggedLines _log = new();
    private readonly ManualTime _time = new();

    [Fact]
    public async Task UnloadAsync_CallIgnoresItsEnd_AnswersAfterTheGraceAndFreesNothingUnderTheCall()
    {
        var engine = new FakeGenerator("f");
        var models = Registry(engine);
        await models.LoadAsync(Source, CancellationToken.None);
        var lease = models.Acquire("m");

        var unloading = models.UnloadAsync("m");
        Assert.True(await _time.TimerMade.WaitAsync(Limit));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(await _time.TimerMade.WaitAsync(Limit)); // the time is up, and the grace has begun
        Assert.True(lease.Model.Ended.IsCancellationRequested);
        Assert.False(unloading.IsCompleted);
        _time.Advance(RetiringModels.EndGrace);
        await unloading.WaitAsync(Limit);

        Assert.False(engine.Disposed.IsCompleted);
        Assert.Contains(_log.Written, line => line.Contains("still has calls 30 s after their time was up", StringComparison.Ordinal));
        lease.Dispose();
        await engine.Disposed.WaitAsync(Limit);
        await models.DisposeAsync().AsTask().WaitAsync(Limit);
    }

    [Fact]
    public async Task UnloadAsync_CallHeedsItsEnd_AnswersWhenTheEngineIsFree()
    {
        var engine = new FakeGenerator("f");
        await using var models = Registry(engine);
        await models.LoadAsync(Source, CancellationToken.None);
        var lease = models.Acquire("m");

        var unloading = models.UnloadAsync("m");
        Assert.True(await _time.TimerMade.WaitAsync(Limit));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(await _time.TimerMade.WaitAsync(Limit));
        lease.Dispose();
        await unloading.WaitAsync(Limit);

        Assert.True(engine.Disposed.IsCompleted);
        Assert.DoesNotContain(_log.Written, line => line.Contains("still has calls", StringComparison.Ordinal));
    }

    [Fact]
    public async Task DisposeAsync_CallIgnoredItsEndBefore_DoesNotWaitForIt()
    {
        var engine = new FakeGenerator("f");
        var models = Registry(engine);
        await models.LoadAsync(Source, CancellationToken.None);
        models.Acquire("m");                                 // never given back

        var unloading = models.UnloadAsync("m");
        Assert.True(await _time.TimerMade.WaitAsync(Limit));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(await _time.TimerMade.WaitAsync(Limit));
        _time.Advance(RetiringModels.EndGrace);
        await unloading.WaitAsync(Limit);

        await models.DisposeAsync().AsTask().WaitAsync(Limit);
        Assert.False(engine.Disposed.IsCompleted);
    }

    [Fact]
    public async Task LoadAndUnload_AtTheSameTime_RetireEachModelOnce()
    {
        const int Rounds = 200;
        FakeGenerator[] engines = [.. Enumerable.Range(0, 2 * Rounds).Select(i => new FakeGenerator($"{i}"))];
        var models = Registry(engines);
        for (int round = 0; round < Rounds; round++)
        {
            await models.LoadAsync(Source, CancellationToken.None);
            await Task.WhenAll(Task.Run(() => models.LoadAsync(Source, CancellationToken.None)), Task.Run(() => models.UnloadAsync("m"))).WaitAsync(Limit);
        }

        await models.DisposeAsync().AsTask().WaitAsync(Limit);

        Assert.All(engines, engine => Assert.True(engine.Disposed.IsCompleted));
        Assert.Equal(engines.Length, _log.Written.Count(line => line.EndsWith("is unloaded", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task LoadAsync_WhileAnotherLoads_DoesNotWait()
    {
        var loader = new HeldLoader(new FakeGenerator("f"), new FakeGenerator("s"));
        await using var models = new EngineHost(loader, new EngineOptions { DrainSeconds = 10 }, _time, _log);

        Task[] loading = [models.LoadAsync(Source, CancellationToken.None), models.LoadAsync(Source with { Name = "n" }, CancellationToken.None)];

        Assert.Equal(2, loader.Begun);
        loader.Finish();
        await Task.WhenAll(loading).WaitAsync(Limit);
        Assert.Equal(["m", "n"], models.List().Select(model => model.Name));
    }

    [Fact]
    public async Task DisposeAsync_ALoadIsUnderWay_TheLoadFreesItsModelAndIsRefused()
    {
        var engine = new FakeGenerator("f");
        var loader = new HeldLoader(engine);
        var models = new EngineHost(loader, new EngineOptions { DrainSeconds = 10 }, _time, _log);
        var loading = models.LoadAsync(Source, CancellationToken.None);
        await models.DisposeAsync().AsTask().WaitAsync(Limit);
        Assert.False(loading.IsCompleted);

        loader.Finish();

        Assert.Equal(FaultKind.Unavailable, (await Assert.ThrowsAsync<RequestFault>(() => loading.WaitAsync(Limit))).Kind);
        Assert.True(engine.Disposed.IsCompleted);
        Assert.Empty(models.List());
    }

    [Fact]
    public async Task StopLoading_ALoadHeedsIt_TheLoadIsRefused()
    {
        var loader = new HeldLoader(new FakeGenerator("f")) { HeedsCancellation = true };
        await using var models = new EngineHost(loader, new EngineOptions(), _time, _log);
        var loading = models.LoadAsync(Source, CancellationToken.None);

        models.StopLoading();

        Assert.Equal(FaultKind.Unavailable, (await Assert.ThrowsAsync<RequestFault>(() => loading.WaitAsync(Limit))).Kind);
    }

    private EngineHost Registry(params FakeGenerator[] engines) =>
        new(new FakeLoader(engines), new EngineOptions { DrainSeconds = 10 }, _time, _log);

    [Fact]
    public async Task LoadAndUnload_AnyOrder_RaiseOneEventForEachModel()
    {
        var models = Registry(new FakeGenerator("f"), new FakeGenerator("s"));
        var events = new System.Collections.Concurrent.ConcurrentQueue<string>();
        models.Loaded += name => events.Enqueue($"+{name}");
        models.Unloaded += name => events.Enqueue($"-{name}");

        await models.LoadAsync(Source, CancellationToken.None);
        await models.LoadAsync(Source, CancellationToken.None);
        await models.UnloadAsync("m").WaitAsync(Limit);
        await models.DisposeAsync().AsTask().WaitAsync(Limit);

        Assert.Equal(["+m", "+m", "-m", "-m"], events.Order(StringComparer.Ordinal));
        Assert.Equal("+m", events.First());
    }

    [Fact]
    public async Task LoadAsync_HandlerThrows_FreesTheModel()
    {
        var engine = new FakeGenerator("f");
        await using var models = Registry(engine);
        models.Loaded += _ => throw new TimeoutException();

        await Assert.ThrowsAsync<TimeoutException>(() => models.LoadAsync(Source, CancellationToken.None));

        Assert.True(engine.Disposed.IsCompleted);
        Assert.Empty(models.List());
    }

    [Fact]
    public async Task UnloadAsync_HandlerThrows_IsNotAFailureOfTheUnload()
    {
        var models = Registry(new FakeGenerator("f"));
        models.Unloaded += _ => throw new TimeoutException();
        await models.LoadAsync(Source, CancellationToken.None);

        await models.UnloadAsync("m").WaitAsync(Limit);

        Assert.Contains(_log.Written, line => line.EndsWith("is unloaded", StringComparison.Ordinal));
        Assert.Contains(_log.Written, line => line.StartsWith("A handler of the unloading of model m failed", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.Written, line => line.StartsWith("Unloading model", StringComparison.Ordinal));
    }

    [Fact]
    public async Task UnloadAsync_EngineFailsToEnd_RaisesUnloaded()
    {
        var models = Registry(new FakeGenerator("f") { FailureOnDispose = new InvalidOperationException() });
        var unloaded = new System.Collections.Concurrent.ConcurrentQueue<string>();
        models.Unloaded += unloaded.Enqueue;
        await models.LoadAsync(Source, CancellationToken.None);

        await models.UnloadAsync("m").WaitAsync(Limit);

        Assert.Equal(["m"], unloaded);
        Assert.Contains(_log.Written, line => line.StartsWith("Unloading model m failed", StringComparison.Ordinal));
    }

    /// <summary>Hands models out, in the order given, when the test says so.</summary>
    private sealed class HeldLoader(params FakeGenerator[] generators) : IModelLoader
    {
        private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _begun;

        /// <summary>Loads that began.</summary>
        public int Begun => Volatile.Read(ref _begun);

        /// <summary>Whether a load ends when its token fires. Default false.</summary>
        public bool HeedsCancellation { get; init; }

        public void Finish() => _finished.SetResult();

        public async Task<LoadedModel> LoadAsync(ModelSource source, CancellationToken cancellation)
        {
            var generator = generators[Interlocked.Increment(ref _begun) - 1];
            await _finished.Task.WaitAsync(HeedsCancellation ? cancellation : CancellationToken.None);
            return generator.Model(source.Name);
        }
    }
}
