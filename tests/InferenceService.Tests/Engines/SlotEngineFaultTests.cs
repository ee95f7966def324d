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
}
