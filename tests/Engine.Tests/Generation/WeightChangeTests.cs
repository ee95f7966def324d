using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Support;
using static Rudder.Engine.Tests.Generation.SlotEngineSchedulingTests;

namespace Rudder.Engine.Tests.Generation;

/// <summary>A change of the weights runs between two requests, on the engine's thread.</summary>
public sealed class WeightChangeTests
{
    private static readonly int[] Long = [.. Enumerable.Range(0, 40).Select(i => i % 16)];
    private int _steps;

    [Fact]
    public async Task ChangeWeightsAsync_RunningAndWaitingRequests_FinishFirstAndLaterOnesWait()
    {
        using var held = new ManualResetEventSlim();
        var entered = new TaskCompletionSource();
        var decoder = new FakeDecoder(slots: 1)
        {
            OnStep = _ =>
            {
                entered.TrySetResult();
                held.Wait(Patience);
                _steps++;
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { Threads = 1 });
        var before = Generate(engine, samples: 2);           // one sample runs, the other waits for the slot
        await entered.Task.WaitAsync(Patience);
        int stepsAtChange = 0;
        var changing = engine.ChangeWeightsAsync(() => stepsAtChange = _steps, CancellationToken.None);
        var after = Generate(engine, samples: 1);
        Assert.Equal(2, engine.Waiting);                     // what is held back waits, too
        held.Set();

        Assert.Equal(1, await changing.WaitAsync(Patience));
        Assert.Equal([0L, 0L], (await before.WaitAsync(Patience)).Select(sequence => sequence.WeightsVersion));
        Assert.Equal([1L], (await after.WaitAsync(Patience)).Select(sequence => sequence.WeightsVersion));
        Assert.Equal((10, 15, 1L), (stepsAtChange, _steps, engine.WeightsVersion));
    }

    [Fact]
    public async Task ChangeWeightsAsync_CachedPrefix_IsForgotten()
    {
        var extended = new List<int>();
        var decoder = new FakeDecoder { OnExtend = (count, _) => extended.Add(count) };
        await using var engine = new SlotEngine(decoder, new EngineOptions { Threads = 1 });
        await GenerateLong(engine);
        await GenerateLong(engine);
        Assert.Equal([2], extended);                         // the second prompt starts from a copy

        await engine.ChangeWeightsAsync(() => { }, CancellationToken.None).WaitAsync(Patience);
        await GenerateLong(engine);
        Assert.Single(extended);
    }

    [Fact]
    public async Task ChangeWeightsAsync_CancelledWhileItWaits_ChangesNothingAndLetsLaterRequestsIn()
    {
        using var held = new ManualResetEventSlim();
        var entered = new TaskCompletionSource();
        var decoder = new FakeDecoder(slots: 2)
        {
            OnStep = _ =>
            {
                entered.TrySetResult();
                held.Wait(Patience);
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { Threads = 1 });
        var before = Generate(engine, samples: 1);
        await entered.Task.WaitAsync(Patience);
        using var cancellation = new CancellationTokenSource();
        bool changed = false;
        var changing = engine.ChangeWeightsAsync(() => changed = true, cancellation.Token);
        var after = Generate(engine, samples: 1);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => changing.WaitAsync(Patience));
        held.Set();

        Assert.Equal(0, Assert.Single(await before.WaitAsync(Patience)).WeightsVersion);
        Assert.Equal(0, Assert.Single(await after.WaitAsync(Patience)).WeightsVersion);
        Assert.False(changed);
        Assert.Equal(1, await engine.ChangeWeightsAsync(() => changed = true, CancellationToken.None).WaitAsync(Patience));
        Assert.True(changed);
    }

    [Fact]
    public async Task ChangeWeightsAsync_ChangeFails_RefusesRequestsUntilOneSucceeds()
    {
        await using var engine = new SlotEngine(new FakeDecoder(), new EngineOptions { Threads = 1 });
        static void Fail() => throw new InvalidOperationException("broken");
        var e = await Assert.ThrowsAsync<InvalidOperationException>(
            () => engine.ChangeWeightsAsync(Fail, CancellationToken.None).WaitAsync(Patience));
        Assert.Equal("broken", e.Message);
        Assert.True(engine.WeightsAreBroken);
        var refused = await Assert.ThrowsAsync<RequestFault>(() => Generate(engine, samples: 1).WaitAsync(Patience));
        Assert.Equal(FaultKind.Unavailable, refused.Kind);

        Assert.Equal(1, await engine.ChangeWeightsAsync(() => { }, CancellationToken.None).WaitAsync(Patience));
        Assert.False(engine.WeightsAreBroken);
        Assert.Equal(1, Assert.Single(await Generate(engine, samples: 1).WaitAsync(Patience)).WeightsVersion);
    }

    [Fact]
    public async Task DisposeAsync_ChangeWaits_FailsIt()
    {
        using var held = new ManualResetEventSlim();
        var entered = new TaskCompletionSource();
        var engine = new SlotEngine(
            new FakeDecoder(slots: 1)
            {
                OnStep = _ =>
                {
                    entered.TrySetResult();
                    held.Wait(Patience);
                },
            },
            new EngineOptions { Threads = 1 });
        var running = Generate(engine, samples: 1);
        await entered.Task.WaitAsync(Patience);
        var changing = engine.ChangeWeightsAsync(() => { }, CancellationToken.None);
        var closing = engine.DisposeAsync().AsTask();
        held.Set();
        await closing.WaitAsync(Patience);

        Assert.Equal(FaultKind.Unavailable, (await Assert.ThrowsAsync<RequestFault>(() => changing.WaitAsync(Patience))).Kind);
        await Assert.ThrowsAsync<RequestFault>(() => running.WaitAsync(Patience));
        Assert.Equal(FaultKind.Unavailable, (await Assert.ThrowsAsync<RequestFault>(
            () => engine.ChangeWeightsAsync(() => { }, CancellationToken.None))).Kind);
    }

    private static async Task<IReadOnlyList<GeneratedSequence>> Generate(SlotEngine engine, int samples) =>
        (await engine.GenerateAsync(new GenerationBatch([Prompt(1, 9, samples: samples)]), CancellationToken.None))[0];

    private static Task GenerateLong(SlotEngine engine)
    {
        var batch = new GenerationBatch([new PromptRequest { PromptIds = Long, MaxNewTokens = 3 }]);
        return engine.GenerateAsync(batch, CancellationToken.None).WaitAsync(Patience);
    }
}
