using Rudder.Engine.Generation;
using Rudder.Engine.Telemetry;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Generation;

public class SlotEngineSchedulingTests
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    internal static PromptRequest Prompt(int firstId, uint seed, int maxNew = 6, int samples = 1) => new()
    {
        PromptIds = [firstId, 2, 3], Seed = seed, MaxNewTokens = maxNew, Samples = samples,
    };

    internal static async Task<int[][]> Run(SlotEngine engine, params PromptRequest[] prompts)
    {
        var results = await engine.GenerateAsync(new GenerationBatch(prompts), CancellationToken.None).WaitAsync(Patience);
        return [.. results.SelectMany(samples => samples).Select(sequence => sequence.Ids)];
    }

    [Fact]
    public async Task GenerateAsync_ManyMixedRequestsAtOnce_EachEqualsItsRunAlone()
    {
        var random = new Random(1);
        PromptRequest[] prompts =
        [
            .. Enumerable.Range(0, 60).Select(i => new PromptRequest
            {
                PromptIds = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => random.Next(16))],
                Seed = (uint)i,
                MaxNewTokens = random.Next(1, 12),
                Samples = random.Next(1, 7),
                Parameters = new SamplingParameters(Temperature: i % 3 == 0 ? 0 : 1, TopK: i % 4, TopP: i % 5 == 0 ? 0.5f : 1),
                Stop = new StopRule([i % 16]),
            }),
        ];
        int[][][] alone = new int[prompts.Length][][];
        for (int i = 0; i < prompts.Length; i++)
        {
            await using var solo = new SlotEngine(new FakeDecoder(slots: 1), new EngineOptions());
            alone[i] = await Run(solo, prompts[i]);
        }

        await using var engine = new SlotEngine(new FakeDecoder(slots: 5), new EngineOptions { MaxPrefillTokens = 12 });
        var together = await Task.WhenAll(prompts.Select(prompt => Run(engine, prompt)));
        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task GenerateAsync_MoreSamplesThanSlots_GivesEverySampleIndexOnce()
    {
        await using var engine = new SlotEngine(new FakeDecoder(slots: 3), new EngineOptions());
        var results = await engine.GenerateAsync(new GenerationBatch([Prompt(1, 9, samples: 10)]), CancellationToken.None).WaitAsync(Patience);
        Assert.Equal(Enumerable.Range(0, 10), results[0].Select(sequence => sequence.SampleIndex));
        Assert.Equal(10, results[0].Select(sequence => string.Join(' ', sequence.Ids)).Distinct().Count());
    }

    [Fact]
    public async Task Occupancy_WhileAStepRuns_CountsRowsCachedTokensAndWhatWaits()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 2)
        {
            OnStep = _ =>
            {
                started.Set();
                hold.Wait(Patience);
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var run = Run(engine, Prompt(1, 1), Prompt(2, 2), Prompt(3, 3));
        Assert.True(started.Wait(Patience));

        Assert.Equal(new EngineLoad(Running: 2, Waiting: 1, Slots: 2, CacheTokensUsed: 2 * 3, CacheTokens: 2 * 64), engine.Occupancy);

        hold.Set();
        await run;
        Assert.True(SpinWait.SpinUntil(() => engine.Occupancy == new EngineLoad(0, 0, 2, 0, 2 * 64), Patience)); // the rows are freed a moment after the answer
    }

    [Fact]
    public async Task GenerateAsync_NoSequenceBetweenTwo_TheGapIsNobodysNextToken()
    {
        var observer = new RecordingObserver();
        await using (var engine = new SlotEngine(new FakeDecoder(slots: 1), new EngineOptions(), observer.Recorder))
        {
            await Run(engine, Prompt(1, 1, maxNew: 3), Prompt(2, 2, maxNew: 3));
        }

        Assert.Equal(2, observer.NextTokens);                // of each sequence: between its two steps
    }

    [Fact]
    public async Task GenerateAsync_SecondDrawFails_TellsOfOneFirstToken()
    {
        PromptRequest[] prompts = [.. Enumerable.Range(0, 8).Select(i => Prompt(1, (uint)i, maxNew: 2))];
        int[][] drawn;
        await using (var whole = new SlotEngine(new FakeDecoder(slots: 8), new EngineOptions()))
        {
            drawn = await Run(whole, prompts);
        }

        int place = Array.FindIndex(drawn, ids => ids[0] > 3);   // no id of the prompt
        var observer = new RecordingObserver();
        await using (var engine = new SlotEngine(new FakeDecoder(slots: 1) { PoisonId = drawn[place][0] }, new EngineOptions(), observer.Recorder))
        {
            await Assert.ThrowsAsync<EngineFailedException>(() => Run(engine, prompts[place]));
        }

        Assert.Equal(1, observer.FirstTokens);
    }

    [Fact]
    public async Task GenerateAsync_SamplesOfOnePrompt_SharePrefill()
    {
        int prefilled = 0;
        var decoder = new FakeDecoder(slots: 8) { OnPrefill = prompts => prefilled += prompts.Count };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        await Run(engine, Prompt(1, 9, samples: 8));
        Assert.Equal(1, prefilled);
    }

    [Fact]
    public async Task GenerateAsync_FinishedRow_IsFilledInTheNextStep()
    {
        List<int> widths = [];
        var decoder = new FakeDecoder(slots: 2) { OnStep = rows => widths.Add(rows.Count) };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        // Lengths 3, 9, 6: the third takes the first's slot; 2 + 8 + 5 steps of rows after the prefill's own tokens.
        await Run(engine, Prompt(1, 1, 3), Prompt(2, 2, 9), Prompt(3, 3, 6));
        Assert.Equal(15, widths.Sum());
        Assert.Equal([2, 2, 2, 2, 2, 2, 2, 1], widths);
    }

    [Fact]
    public async Task GenerateAsync_Cancelled_FreesItsSlotWithinOneStepAndDisturbsNobody()
    {
        int[][] expected;
        await using (var quiet = new SlotEngine(new FakeDecoder(), new EngineOptions()))
        {
            expected = await Run(quiet, Prompt(2, 5, 20));
        }

        using var cancel = new CancellationTokenSource();
        int steps = 0;
        List<int> after = [];
        var decoder = new FakeDecoder();
        decoder.OnStep = rows =>
        {
            steps++;
            if (steps == 5)
            {
                cancel.Cancel();                             // while step 5 runs
            }
            else if (steps > 5)
            {
                after.Add(rows.Count);
            }
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var doomed = engine.GenerateAsync(new GenerationBatch([Prompt(1, 4, 20, samples: 2), Prompt(3, 4, 20)]), cancel.Token);
        var kept = Run(engine, Prompt(2, 5, 20));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => doomed.WaitAsync(Patience));
        Assert.Equal(expected, await kept);
        Assert.All(after, width => Assert.Equal(1, width));
        Assert.Equal(0, engine.Waiting);
    }

    [Fact]
    public async Task GenerateAsync_CancelledWhileQueued_NeverRuns()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        using var cancel = new CancellationTokenSource();
        List<int[]> prefilled = [];
        var decoder = new FakeDecoder(slots: 1)
        {
            OnPrefill = prefilled.AddRange,
            OnStep = _ =>
            {
                started.Set();
                hold.Wait(Patience);
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var first = Run(engine, Prompt(1, 1));
        started.Wait(Patience);
        var queued = engine.GenerateAsync(new GenerationBatch([Prompt(7, 1)]), cancel.Token);
        cancel.Cancel();
        hold.Set();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued.WaitAsync(Patience));
        await first;
        Assert.DoesNotContain(prefilled, prompt => prompt[0] == 7);
    }

    [Fact]
    public async Task GenerateAsync_QueueFull_IsRefusedAtOnceAndWhole()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 1)
        {
            OnStep = _ =>
            {
                started.Set();
                hold.Wait(Patience);
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { MaxQueue = 3 });
        var running = Run(engine, Prompt(1, 1));
        started.Wait(Patience);
        var queued = Run(engine, Prompt(2, 1, samples: 2));
        var e = await Assert.ThrowsAsync<RequestFault>(() => Run(engine, Prompt(3, 1, samples: 2)));
        Assert.Contains("2 sequences wait already and the request adds 2; the queue holds 3", e.Message);
        var fits = Run(engine, Prompt(4, 1));
        hold.Set();
        await Task.WhenAll(running, queued, fits);
    }

    [Fact]
    public async Task OnToken_EachToken_ComesInOrderBeforeTheResult()
    {
        List<DrawnToken> seen = [];
        await using var engine = new SlotEngine(new FakeDecoder(), new EngineOptions());
        var results = await engine.GenerateAsync(
            new GenerationBatch([Prompt(1, 3, samples: 3) with { OnToken = seen.Add }]), CancellationToken.None).WaitAsync(Patience);
        foreach (var sequence in results[0])
        {
            Assert.Equal(sequence.Ids, seen.Where(token => token.SampleIndex == sequence.SampleIndex).Select(token => token.Id));
            Assert.Equal(sequence.LogProbs, seen.Where(token => token.SampleIndex == sequence.SampleIndex).Select(token => token.LogProb));
        }
    }

    [Fact]
    public async Task DisposeAsync_WorkInFlight_FailsItWithTheReason()
    {
        using var hold = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 1)
        {
            OnStep = _ =>
            {
                started.Set();
                hold.Wait(Patience);
            },
        };
        var engine = new SlotEngine(decoder, new EngineOptions());
        var running = Run(engine, Prompt(1, 1, 30), Prompt(2, 1, 30));
        Assert.True(started.Wait(Patience));
        var disposed = engine.DisposeAsync().AsTask();       // the engine is told to stop while its first step runs
        var late = await Assert.ThrowsAsync<RequestFault>(() => Run(engine, Prompt(3, 1)));
        hold.Set();
        await disposed.WaitAsync(Patience);
        var failed = await Assert.ThrowsAsync<RequestFault>(() => running.WaitAsync(Patience));
        Assert.Equal(FaultKind.Unavailable, late.Kind);
        Assert.Contains("stopped before the request was finished", failed.Message);
        Assert.True(decoder.Disposed);
    }
}
