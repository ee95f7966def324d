using Rudder.InferenceService.Engines;
using Rudder.Sampling;
using static Rudder.InferenceService.Tests.Engines.SlotEngineSchedulingTests;

namespace Rudder.InferenceService.Tests.Engines;

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

    // On a device a copy is a run of its own, which can fail like any other.
    [Fact]
    public async Task CopyRow_ForFurtherSamplesThrows_FailsOnlyThatRequest()
    {
        using var running = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 4) { OnStep = _ => running.Set() };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var good = Run(engine, Prompt(1, 1, 40));
        running.Wait(Patience);
        decoder.OnCopy = (_, _) => throw new InvalidOperationException("native fault");
        var e = await Assert.ThrowsAsync<EngineFailedException>(() => engine.GenerateAsync(
            new GenerationBatch([Prompt(9, 1) with { Samples = 2 }]), CancellationToken.None).WaitAsync(Patience));
        Assert.Equal("native fault", e.InnerException!.Message);
        Assert.Equal(40, (await good)[0].Length);
        Assert.Single(await Run(engine, Prompt(2, 1)));
    }

    [Fact]
    public async Task CopyRow_IntoTheGapOfAFinishedRowThrows_FailsOnlyTheRowThatMoves()
    {
        using var queued = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 3) { OnPrefill = _ => queued.Wait(Patience), OnCopy = (from, _) => Fault(from == 2) };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var (ends, stays, moves) = (Run(engine, Prompt(1, 1, 3)), Run(engine, Prompt(2, 1, 40)), Run(engine, Prompt(3, 1, 40)));
        queued.Set();
        Assert.Equal(3, (await ends)[0].Length);
        await Assert.ThrowsAsync<EngineFailedException>(() => moves);
        Assert.Equal(40, (await stays)[0].Length);
    }

    [Fact]
    public async Task CopyRow_OverAKnownPromptThrows_NothingIsKnownOfItsRow()
    {
        using var queued = new ManualResetEventSlim();
        var known = Prompt(1, 1, 3) with { PromptIds = [.. Enumerable.Range(0, 40).Select(i => i % 7)] };
        var decoder = new FakeDecoder(slots: 2) { OnPrefill = _ => queued.Wait(Patience), OnCopy = (_, _) => Fault(true) };
        await using var engine = new SlotEngine(decoder, new EngineOptions());
        var (ends, moves) = (Run(engine, known), Run(engine, Prompt(2, 1, 40)));
        queued.Set();
        int[][] expected = await ends;
        await Assert.ThrowsAsync<EngineFailedException>(() => moves);
        Assert.Equal(expected, await Run(engine, known));    // what lies in the first row is no longer its prompt
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(8)]                                          // what follows the known beginning is read in chunks
    public async Task CopyRow_OfAKnownBeginningThrows_FailsThatPromptAlone(int chunk)
    {
        using var running = new ManualResetEventSlim();
        bool holds = false;
        var decoder = new FakeDecoder(slots: 4) { OnStep = _ => running.Wait(Volatile.Read(ref holds) ? Patience : TimeSpan.Zero) };
        await using var engine = new SlotEngine(decoder, new EngineOptions { MaxPrefillTokens = chunk });
        int[] known = [.. Enumerable.Range(0, 36).Select(i => i % 7)];
        await Run(engine, Prompt(1, 1, 3) with { PromptIds = known });
        Volatile.Write(ref holds, true);
        var other = Run(engine, Prompt(2, 1, 20) with { PromptIds = [.. known[..34], 9, 9, 9] });
        decoder.OnCopy = (_, _) => Fault(true);
        var broken = Run(engine, Prompt(3, 1) with { PromptIds = [.. known, .. Enumerable.Repeat(8, 12)] });
        running.Set();
        await Assert.ThrowsAsync<EngineFailedException>(() => broken);
        Assert.Equal(20, (await other)[0].Length);
    }

    private static void Fault(bool now)
    {
        if (now)
        {
            throw new InvalidOperationException("native fault");
        }
    }
}
