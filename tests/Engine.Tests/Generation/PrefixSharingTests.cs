using System.Collections.Concurrent;
using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Generation;

/// <summary>Whose prompts begin with what was computed for whose; what is drawn never tells.</summary>
public sealed class PrefixSharingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly int[] Prompt = [.. Enumerable.Range(0, 40).Select(i => i % 7)];

    [Theory]
    [InlineData(nameof(PrefixSharing.All), "b", 2)]          // all but the tokens that are always computed
    [InlineData(nameof(PrefixSharing.Client), "a", 2)]
    [InlineData(nameof(PrefixSharing.Client), "b", 40)]
    [InlineData(nameof(PrefixSharing.None), "a", 40)]
    public async Task GenerateAsync_KnownPromptOfAnotherRequest_IsReadAgainUnlessTheyMayShare(string sharing, string client, int read)
    {
        var observer = new RecordingObserver();
        await using var engine = new SlotEngine(new FakeDecoder(), Options(sharing), observer.Recorder);
        var first = await RunAsync(engine, "a", Prompt);
        var second = await RunAsync(engine, client, Prompt);

        Assert.Equal([40, read], observer.PrefilledTokens);
        Assert.Equal(first, second);
    }

    [Theory]
    [InlineData(nameof(PrefixSharing.All), "b", 1)]
    [InlineData(nameof(PrefixSharing.Client), "a", 1)]
    [InlineData(nameof(PrefixSharing.Client), "b", 2)]
    [InlineData(nameof(PrefixSharing.None), "a", 2)]
    public async Task GenerateAsync_EqualPromptsAtOnce_AreReadOnceOnlyWhereTheyMayShare(string sharing, string client, int read)
    {
        using var started = new ManualResetEventSlim();
        using var hold = new ManualResetEventSlim();
        var prefills = new ConcurrentQueue<int>();
        var decoder = new FakeDecoder
        {
            OnPrefill = prompts => prefills.Enqueue(prompts.Count),
            OnStep = _ =>
            {
                started.Set();
                hold.Wait(Patience);
            },
        };
        await using var engine = new SlotEngine(decoder, Options(sharing));
        var busy = RunAsync(engine, "busy", [1]);
        Assert.True(started.Wait(Patience));
        var (first, second) = (RunAsync(engine, "a", [4, 5, 6]), RunAsync(engine, client, [4, 5, 6]));
        hold.Set();
        await busy;

        Assert.Equal(await first, await second);
        Assert.Equal([1, read], prefills);
    }

    [Fact]
    public async Task GenerateAsync_SamplesOfOnePromptAndNoSharing_ShareItsPrefill()
    {
        var observer = new RecordingObserver();
        await using var engine = new SlotEngine(new FakeDecoder(), Options(nameof(PrefixSharing.None)), observer.Recorder);
        var request = new PromptRequest { PromptIds = Prompt, MaxNewTokens = 3, Samples = 3 };
        await engine.GenerateAsync(new GenerationBatch([request]), CancellationToken.None).WaitAsync(Patience);

        Assert.Equal([40], observer.PrefilledTokens);
    }

    private static EngineOptions Options(string sharing) => new() { Threads = 1, SharePrefixes = Enum.Parse<PrefixSharing>(sharing) };

    private static async Task<int[]> RunAsync(SlotEngine engine, string client, int[] prompt)
    {
        var batch = new GenerationBatch([new PromptRequest { PromptIds = prompt, MaxNewTokens = 4, Seed = 7 }], Client: client);
        return (await engine.GenerateAsync(batch, CancellationToken.None).WaitAsync(Patience))[0][0].Ids;
    }
}
