using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Generation;

/// <summary>The decoder on a device's path, with the processor standing for the device: its own cache, copied rows, inputs bound anew in each step.</summary>
public sealed class DeviceDecoderTests : IDisposable
{
    private static readonly EngineOptions Options = new() { Threads = 1, MaxSlots = 8 };
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task GenerateAsync_GreedyOnFixturePrompts_EqualsExpectedIds()
    {
        await using var engine = OnDevice();
        var cases = TinyModel.GreedyCases();
        var results = await Run(engine, [.. cases.Select(c => new PromptRequest { PromptIds = c.Prompt, MaxNewTokens = 20, Parameters = SamplingParameters.Greedy })]);
        Assert.Equal(cases.Select(c => c.Greedy), results.Select(sequence => sequence.Ids));
    }

    // Prompts shared by samples, and slots that end early: rows are copied for both.
    [Fact]
    public async Task GenerateAsync_SharedPromptsOfManyLengths_EqualsTheHostsCache()
    {
        var random = new Random(8);
        PromptRequest[] prompts = [.. Enumerable.Range(0, 12).Select(i => new PromptRequest
        {
            PromptIds = [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(512))],
            Samples = 1 + (i % 3),
            Seed = (uint)i,
            MaxNewTokens = random.Next(1, 30),
            Parameters = SamplingParameters.Plain,
        })];
        await using var onHost = SlotEngine.Load(_model.Open(), Options, null);
        await using var onDevice = OnDevice();

        var expected = await Run(onHost, prompts);
        var actual = await Run(onDevice, prompts);

        Assert.Equal(expected.Select(sequence => sequence.Ids), actual.Select(sequence => sequence.Ids));
    }

    private SlotEngine OnDevice() => new(OnnxDecoder.Load(_model.Open(), Options, null), Options);

    private static async Task<IReadOnlyList<GeneratedSequence>> Run(SlotEngine engine, params PromptRequest[] prompts)
    {
        var results = await engine.GenerateAsync(new GenerationBatch(prompts), CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(2));
        return [.. results.SelectMany(samples => samples)];
    }
}
