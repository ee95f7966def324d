using System.Collections.Concurrent;
using Rudder.Checkpoints;
using Rudder.Engine.Generation;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Generation;

/// <summary>How prompts get into the cache: known beginnings copied, equal ones read once, long ones in chunks.</summary>
public sealed class SlotEnginePromptTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TinyModel _model = new("tiny-gpt2");

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(36, 0)]                                      // another end
    [InlineData(40, 0)]                                      // the same prompt again
    [InlineData(36, 7)]                                      // while others run
    public async Task GenerateAsync_PromptWithAKnownBeginning_ReadsOnlyTheRestAndDrawsTheSame(int common, int others)
    {
        int[] first = Ids(40, seed: 1);
        int[] second = [.. first[..common], .. Ids(40 - common, seed: 2)];
        await using var fresh = Load(8);
        var expected = await Run(fresh, second);

        var observer = new RecordingObserver();
        await using var engine = Load(8, observer);
        // Before the first prompt, so that its row is the last and nobody else's prompt is read over it.
        var company = Enumerable.Range(0, others).Select(i => Run(engine, Ids(9, seed: 10 + i), maxNew: 30)).ToArray();
        await Run(engine, first);
        int before = observer.PrefilledTokens.Count;
        var actual = await Run(engine, second);
        await Task.WhenAll(company);

        int rest = Math.Max(40 - common, PrefixTable.RecomputedTokens);
        Assert.Contains(rest, observer.PrefilledTokens.Skip(before));
        Assert.DoesNotContain(40, observer.PrefilledTokens.Skip(before));
        Assert.Equal(expected.Ids, actual.Ids);
        Assert.Equal(expected.LogProbs, actual.LogProbs);    // to the last bit
    }

    [Fact]
    public async Task GenerateAsync_PromptLongerThanAChunk_IsReadInChunksAndDrawsTheSame()
    {
        int[] prompt = Ids(41, seed: 3);
        await using var whole = Load(2);
        var expected = await Run(whole, prompt);

        var observer = new RecordingObserver();
        await using var chunked = Load(2, observer, maxPrefillTokens: 8);
        var actual = await Run(chunked, prompt);
        Assert.Equal([8, 8, 8, 8, 7, 2], observer.PrefilledTokens);      // never a last chunk of one
        Assert.Equal(expected.Ids, actual.Ids);
        Assert.Equal(expected.LogProbs, actual.LogProbs);
    }

    [Theory]
    [InlineData(1, 7, "2 2 3")]
    [InlineData(2, 5, "2 3")]
    [InlineData(3, 7, "3 2 2")]
    [InlineData(4, 8, "4 4")]
    public async Task GenerateAsync_ChunksOfFewTokens_NeverReadASingleOne(int chunk, int length, string chunks)
    {
        var observer = new RecordingObserver();
        await using var engine = new SlotEngine(new FakeDecoder(slots: 1), new EngineOptions { MaxPrefillTokens = chunk, Threads = 1 }, observer.Recorder);
        await Run(engine, [.. Enumerable.Range(1, length)], maxNew: 2);
        Assert.Equal(chunks, string.Join(' ', observer.PrefilledTokens));
    }

    [Fact]
    public async Task GenerateAsync_PrefillOverAKnownPromptThrows_NothingIsKnownOfItsRow()
    {
        bool broken = false;
        var decoder = new FakeDecoder(slots: 1)
        {
            OnPrefill = _ =>
            {
                if (Volatile.Read(ref broken))
                {
                    throw new InvalidOperationException("broken");
                }
            },
        };
        var observer = new RecordingObserver();
        await using var engine = new SlotEngine(decoder, new EngineOptions { Threads = 1 }, observer.Recorder);
        int[] prompt = [.. Enumerable.Range(0, 40).Select(i => i % 7)];
        await Run(engine, prompt, maxNew: 2);
        Volatile.Write(ref broken, true);
        await Assert.ThrowsAsync<EngineFailedException>(() => Run(engine, [1, 2, 3]));
        Volatile.Write(ref broken, false);
        await Run(engine, prompt, maxNew: 2);
        Assert.Equal([40, 40], observer.PrefilledTokens);    // read whole again
    }

    [Fact]
    public async Task GenerateAsync_LongPromptBesideARunningSequence_DecodesBetweenItsChunks()
    {
        var events = new ConcurrentQueue<char>();
        using var running = new ManualResetEventSlim();
        using var arrived = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 3, context: 64)
        {
            OnStep = _ =>
            {
                events.Enqueue('s');
                running.Set();
                arrived.Wait(Patience);
            },
            OnExtend = (_, _) => events.Enqueue('c'),
            OnPrefill = _ => events.Enqueue('p'),
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { MaxPrefillTokens = 4, Threads = 1 });
        var first = engine.GenerateAsync(new GenerationBatch([Prompt([1, 2, 3], maxNew: 20)]), CancellationToken.None);
        running.Wait(Patience);
        var second = engine.GenerateAsync(new GenerationBatch([Prompt([.. Enumerable.Range(0, 16).Select(i => i % 7)], maxNew: 2, samples: 2)]), CancellationToken.None);
        arrived.Set();
        await Task.WhenAll(first, second).WaitAsync(Patience);

        string order = string.Concat(events);
        Assert.Contains("pscscscs", order, StringComparison.Ordinal);    // a step after the first part and after every chunk
        Assert.Equal(3, order.Count(c => c == 'c'));
    }

    [Fact]
    public async Task Occupancy_LongPromptUnderWay_CountsItsSlotsAndTheTokensRead()
    {
        using var reached = new ManualResetEventSlim();
        using var hold = new ManualResetEventSlim();
        var decoder = new FakeDecoder(slots: 3, context: 64)
        {
            OnExtend = (_, _) =>
            {
                reached.Set();
                hold.Wait(Patience);
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { MaxPrefillTokens = 4, Threads = 1 });
        var work = engine.GenerateAsync(new GenerationBatch([Prompt([.. Enumerable.Repeat(1, 12)], maxNew: 2, samples: 2)]), CancellationToken.None);
        Assert.True(reached.Wait(Patience));                 // the first chunk is read, the second under way
        var load = engine.Occupancy;
        hold.Set();
        await work.WaitAsync(Patience);

        Assert.Equal((2, 0, 4L), (load.Running, load.Waiting, load.CacheTokensUsed));
        Assert.True(SpinWait.SpinUntil(() => engine.Occupancy is { Running: 0, CacheTokensUsed: 0 }, Patience));
    }

    [Fact]
    public async Task GenerateAsync_LongPromptCancelledBetweenChunks_IsReadNoFurtherAndFreesItsSlot()
    {
        using var cancelled = new CancellationTokenSource();
        int chunks = 0;
        var decoder = new FakeDecoder(slots: 1, context: 64)
        {
            OnExtend = (_, _) =>
            {
                chunks++;
                cancelled.Cancel();
            },
        };
        await using var engine = new SlotEngine(decoder, new EngineOptions { MaxPrefillTokens = 4, Threads = 1 });
        var work = engine.GenerateAsync(new GenerationBatch([Prompt([.. Enumerable.Repeat(1, 20)], maxNew: 2)]), cancelled.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work.WaitAsync(Patience));
        var next = await engine.GenerateAsync(new GenerationBatch([Prompt([1, 2], maxNew: 2)]), CancellationToken.None).WaitAsync(Patience);
        Assert.Equal(2, next[0][0].Ids.Length);
        Assert.Equal(1, chunks);                             // of four
    }

    [Fact]
    public async Task GenerateAsync_ChunkThrows_FailsThatPromptAlone()
    {
        var decoder = new FakeDecoder(slots: 2, context: 64) { OnExtend = (_, _) => throw new InvalidOperationException("broken") };
        await using var engine = new SlotEngine(decoder, new EngineOptions { MaxPrefillTokens = 4, Threads = 1 });
        var broken = engine.GenerateAsync(new GenerationBatch([Prompt([.. Enumerable.Repeat(1, 20)], maxNew: 2)]), CancellationToken.None);
        var whole = engine.GenerateAsync(new GenerationBatch([Prompt([1, 2], maxNew: 3)]), CancellationToken.None);
        await Assert.ThrowsAsync<EngineFailedException>(() => broken.WaitAsync(Patience));
        Assert.Equal(3, (await whole.WaitAsync(Patience))[0][0].Ids.Length);
    }

    [Fact]
    public async Task GenerateAsync_EqualPromptsTogether_AreReadOnceAndDrawnApart()
    {
        var prefills = new ConcurrentQueue<int>();
        PromptRequest[] prompts = [.. Enumerable.Range(0, 5).Select(i => Prompt([4, 5, 6], maxNew: 8, seed: (uint)(i % 4), samples: i == 2 ? 2 : 1))];
        await using var engine = new SlotEngine(new FakeDecoder(slots: 8) { OnPrefill = p => prefills.Enqueue(p.Count) }, new EngineOptions());
        var together = await engine.GenerateAsync(new GenerationBatch(prompts), CancellationToken.None).WaitAsync(Patience);
        Assert.Equal([1], prefills);
        for (int i = 0; i < prompts.Length; i++)
        {
            await using var solo = new SlotEngine(new FakeDecoder(slots: 8), new EngineOptions());
            var alone = await solo.GenerateAsync(new GenerationBatch([prompts[i]]), CancellationToken.None).WaitAsync(Patience);
            Assert.Equal(alone[0].Select(sequence => sequence.Ids), together[i].Select(sequence => sequence.Ids));
        }
    }

    [Theory]
    [InlineData(1, 0L)]
    [InlineData(2, 1000L)]                                   // what a lock makes when first waited for; an object a step would be 1,080 at least
    public async Task Step_OnceWarm_AllocatesNothingOnTheManagedSide(int threads, long mostBytes)
    {
        var observer = new RecordingObserver();
        await using var engine = Load(8, observer, threads: threads);
        var batch = new GenerationBatch([.. Enumerable.Range(0, 8).Select(i => Prompt(Ids(4, seed: i), maxNew: 50, seed: (uint)i))]);
        await StepBytes(engine, batch, observer);            // compiles, and binds the width
        // What a step allocates it allocates in each of three rounds; what the runtime makes once, say at a lock first waited for, in one.
        long[] rounds = [await StepBytes(engine, batch, observer), await StepBytes(engine, batch, observer), await StepBytes(engine, batch, observer)];
        Assert.InRange(rounds.Min(), 0, mostBytes);
    }

    /// <summary>Bytes that the steps between the third and the last but one of a batch of eight allocate: the last step's sequences are made into results.</summary>
    private static async Task<long> StepBytes(SlotEngine engine, GenerationBatch batch, RecordingObserver observer)
    {
        observer.Clear();
        int before = observer.Ends.Count;
        await engine.GenerateAsync(batch, CancellationToken.None).WaitAsync(Patience);
        Assert.True(SpinWait.SpinUntil(() => observer.Ends.Count == before + 8, Patience));    // the last step is told of after the answer
        long[] bytes = [.. observer.AllocatedByStep];
        Assert.Equal(49, bytes.Length);
        return bytes[^2] - bytes[2];
    }

    [Fact]
    public async Task GenerateAsync_Int8AloneAndAmongOthers_SameTokensAndLogProbs()
    {
        var options = new EngineOptions { Threads = 1, MaxSlots = 16, Precision = GraphPrecision.Int8 };
        int[] prompt = Ids(6, seed: 5);
        await using var alone = SlotEngine.Load(_model.Open(), options, 511);
        var expected = await Run(alone, prompt);
        await using var engine = SlotEngine.Load(_model.Open(), options, 511);
        var company = Enumerable.Range(0, 15).Select(i => Run(engine, Ids(2 + i, seed: 20 + i), maxNew: 30)).ToArray();
        var actual = await Run(engine, prompt);
        await Task.WhenAll(company);
        Assert.Equal(expected.Ids, actual.Ids);
        Assert.Equal(expected.LogProbs, actual.LogProbs);
    }

    private static int[] Ids(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(510))];
    }

    private static PromptRequest Prompt(int[] ids, int maxNew, uint seed = 7, int samples = 1) =>
        new() { PromptIds = ids, MaxNewTokens = maxNew, Seed = seed, Samples = samples };

    private static async Task<GeneratedSequence> Run(SlotEngine engine, int[] prompt, int maxNew = 12) =>
        (await engine.GenerateAsync(new GenerationBatch([Prompt(prompt, maxNew)]), CancellationToken.None).WaitAsync(Patience))[0][0];

    private SlotEngine Load(int slots, RecordingObserver? observer = null, int maxPrefillTokens = 1024, int threads = 1) => SlotEngine.Load(
        _model.Open(), new EngineOptions { Threads = threads, MaxSlots = slots, MaxPrefillTokens = maxPrefillTokens }, null, observer?.Recorder);
}
