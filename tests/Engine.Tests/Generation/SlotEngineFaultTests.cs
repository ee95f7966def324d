using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Support;
using static Rudder.Engine.Tests.Generation.SlotEngineSchedulingTests;

namespace Rudder.Engine.Tests.Generation;

/// <summary>A fault of the native side or of a model ends the rows it touches, and no others.</summary>
public class SlotEngineFaultTests
{
    [Fact]
    public async Task Step_DecoderThrows_FailsOnlyTheRowsInIt()
    {
        bool thrown = false;
        var decoder = new FakeDecoder(slots: 2);
        decoder.OnStep = rows =>
        {
            if (!thrown && rows.Any(row => row[0] == 9))
            {
                thrown = true;
                throw new InvalidOperationException("native fault");
            }
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var broken = Run(engine, Prompt(9, 1), Prompt(9, 2));
        var later = Run(engine, Prompt(1, 1));
        var e = await Assert.ThrowsAsync<EngineFailedException>(() => broken.WaitAsync(Patience));
        Assert.Equal("native fault", e.InnerException!.Message);
        Assert.Single(await later);
    }

    [Fact]
    public async Task Prefill_DecoderThrows_FailsOnlyTheNewRows()
    {
        using var running = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 4) { OnStep = _ => running.Set() };
        decoder.OnPrefill = prompts =>
        {
            if (prompts.Any(prompt => prompt[0] == 9))
            {
                throw new InvalidOperationException("native fault");
            }
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var good = Run(engine, Prompt(1, 1, 40));
        running.Wait(Patience);
        await Assert.ThrowsAsync<EngineFailedException>(() => Run(engine, Prompt(9, 1)));
        Assert.Equal(40, (await good)[0].Length);
    }

    [Fact]
    public async Task Draw_NanLogitsInOneRow_FailsOnlyThatRequest()
    {
        await using var engine = new SlotEngine(new FakeDecoder { PoisonId = 15 }, new EngineOptions());
        PromptRequest good = Prompt(1, 1) with { Parameters = new SamplingParameters(TopK: 1), Stop = new StopRule([15]) };
        var kept = engine.GenerateAsync(new GenerationBatch([good]), CancellationToken.None);
        var broken = Run(engine, Prompt(15, 1));
        var e = await Assert.ThrowsAsync<EngineFailedException>(() => broken.WaitAsync(Patience));
        Assert.IsType<InvalidLogitsException>(e.InnerException);
        Assert.Single(await kept.WaitAsync(Patience));
    }

    [Fact]
    public async Task Draw_NanLogitsOnce_TheNextSequenceInTheRowIsDrawnWell()
    {
        await using var engine = new SlotEngine(new FakeDecoder(slots: 1) { PoisonId = 15 }, new EngineOptions { Threads = 1 });
        await Assert.ThrowsAsync<EngineFailedException>(() => Run(engine, Prompt(15, 1)));
        Assert.Single((await Run(engine, Prompt(1, 1, maxNew: 1)))[0]);
    }

    [Fact]
    public async Task CopyRow_MovingASequenceThrows_FailsItAndTheRestGoesOn()
    {
        PromptRequest kept = Lengthy(1, 20);
        int[][] expected;
        await using (var quiet = new SlotEngine(new FakeDecoder(slots: 3), new EngineOptions()))
        {
            expected = await Run(quiet, kept);
        }

        using var queued = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 3) { OnStep = _ => queued.Wait(Patience) };
        decoder.OnCopy = () =>
        {
            decoder.OnCopy = null;                           // once
            Break();
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { Threads = 1 });
        var brief = Run(engine, Lengthy(0, 5));              // at its end the last row moves into its own
        Task<int[][]>[] others = [Run(engine, kept), Run(engine, Lengthy(2, 20))];
        queued.Set();

        var e = await Assert.ThrowsAsync<EngineFailedException>(() => others[1].WaitAsync(Patience));
        Assert.Equal("device fault", e.InnerException!.Message);
        Assert.Equal(5, (await brief)[0].Length);
        Assert.Equal(expected, await others[0]);
    }

    [Fact]
    public async Task CopyRow_MovingASequenceThrows_NothingIsKnownOfTheHalfCopiedRow()
    {
        using var queued = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 2) { OnStep = _ => queued.Wait(Patience), OnCopy = Break };
        var observer = new RecordingObserver();
        await using var engine = new SlotEngine(decoder, new EngineOptions { Threads = 1 }, observer.Recorder);
        var brief = Run(engine, Lengthy(0, 5));
        var moved = Run(engine, Lengthy(1, 20));
        queued.Set();
        await Assert.ThrowsAsync<EngineFailedException>(() => moved.WaitAsync(Patience));

        Assert.Equal(await brief, await Run(engine, Lengthy(0, 5)));
        Assert.Equal(40, observer.PrefilledTokens.Last());   // read whole again
    }

    [Fact]
    public async Task CopyRow_ForASecondSampleThrows_FailsThatRequestAlone()
    {
        await using var engine = new SlotEngine(new FakeDecoder { OnCopy = Break }, new EngineOptions { Threads = 1 });
        var e = await Assert.ThrowsAsync<EngineFailedException>(() => Run(engine, Prompt(1, 4, samples: 3)));
        Assert.Equal("device fault", e.InnerException!.Message);
        Assert.Equal(6, (await Run(engine, Prompt(2, 5)))[0].Length);
    }

    [Theory]
    [InlineData(1024, 40)]                                   // read on top of the copy at once
    [InlineData(8, 60)]                                      // and in chunks
    public async Task CopyRow_OfAKnownBeginningThrows_FailsThatRequestAlone(int chunk, int length)
    {
        using var running = new ManualResetEventSlim();
        using var hold = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 3, context: 128)
        {
            OnStep = _ =>
            {
                running.Set();
                hold.Wait(Patience);
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { MaxPrefillTokens = chunk, Threads = 1 });
        var known = Run(engine, Lengthy(0, 20));
        Assert.True(running.Wait(Patience));                 // it stands in its row, and the engine waits
        decoder.OnCopy = Break;
        var doomed = Run(engine, Lengthy(0, 20, length));
        hold.Set();

        await Assert.ThrowsAsync<EngineFailedException>(() => doomed.WaitAsync(Patience));
        Assert.Equal(20, (await known)[0].Length);
    }

    private static PromptRequest Lengthy(int first, int maxNew, int length = 40) =>
        new() { PromptIds = [first, .. Enumerable.Range(0, length - 1).Select(i => i % 7)], MaxNewTokens = maxNew };

    private static void Break() => throw new InvalidOperationException("device fault");
}
