using System.Collections.Concurrent;
using Rudder.Engine.Generation;
using Rudder.Engine.Registry;
using Rudder.Engine.Scoring;
using Rudder.Engine.Tests.Support;

namespace Rudder.Engine.Tests.Registry;

/// <summary>Large scoring calls, batch by batch with those of other clients between.</summary>
public sealed class ScoringInTurnsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task RunAsync_OneClientHasManySequences_TheOthersComesAfterTheBatchThatRuns()
    {
        using var entered = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim();
        var scored = new ConcurrentQueue<int>();
        var model = Model("m");
        int Score(ScoredSequence sequence)
        {
            scored.Enqueue(sequence.PromptIds[0]);
            entered.Set();
            Assert.True(gate.Wait(Limit));
            return sequence.PromptIds[0];
        }

        int[] many = [.. Enumerable.Range(10, 20)];
        var flood = RunAsync([model], "flood", many, Score);
        Assert.True(entered.Wait(Limit));
        var other = RunAsync([model], "other", [5], Score);
        var younger = RunAsync([model], "flood", [40], Score);
        Assert.True(model.ScoringTurn.IsWantedBesides("flood"));
        gate.Set();

        Assert.Equal(5, Assert.Single(await other.WaitAsync(Limit)));
        Assert.Equal(many, await flood.WaitAsync(Limit));
        Assert.Equal(40, Assert.Single(await younger.WaitAsync(Limit)));
        Assert.Equal(5, scored.ElementAt(1));
        Assert.Equal(40, scored.Last());                     // a client's own oldest first, though it gave its turn away meanwhile
        Assert.True(model.ScoringTurn.EnterAsync("any", goesOn: false, CancellationToken.None).IsCompletedSuccessfully); // it was given back
    }

    [Fact]
    public async Task RunAsync_LastReplacementOfTheWeightsFailed_IsRefused()
    {
        await using var engine = new SlotEngine(new FakeDecoder(), new EngineOptions { Threads = 1 });
        var model = new LoadedModel { Description = new ModelDescription("m", new ModelSource("m", "/"), "f", 16, 64), Generator = engine };
        await Assert.ThrowsAsync<IOException>(
            () => engine.ChangeWeightsAsync(() => throw new IOException(), CancellationToken.None).WaitAsync(Limit));

        var refused = await Assert.ThrowsAsync<RequestFault>(() => RunAsync([model], "any", [1], sequence => sequence.PromptIds[0]));

        Assert.Equal(FaultKind.Unavailable, refused.Kind);
        Assert.True(model.ScoringGate.EnterAsync(alone: true, CancellationToken.None).IsCompletedSuccessfully); // the call has left
    }

    [Fact]
    public async Task RunAsync_TwoModelsInBothOrders_AllEnd()
    {
        LoadedModel[] models = [Model("a"), Model("b")];
        int[] ids = [.. Enumerable.Range(0, 100)];
        var calls = Enumerable.Range(0, 4).Select(i => Task.Run(() => RunAsync(
            i % 2 == 0 ? models : [models[1], models[0]], $"client {i}", ids, sequence => sequence.PromptIds[0])));

        foreach (int[] results in await Task.WhenAll(calls).WaitAsync(Limit))
        {
            Assert.Equal(ids, results);
        }
    }

    [Theory]
    [InlineData("a", "b")]
    [InlineData("b", "a")]
    public async Task RunAsync_TwoModels_WaitsForTheSecondWithTheFirstsTurnWhateverTheirOrder(string first, string second)
    {
        LoadedModel[] models = [Model(first), Model(second)];
        var (a, b) = (models.Single(model => model.Description.Name == "a").ScoringTurn, models.Single(model => model.Description.Name == "b").ScoringTurn);
        await b.EnterAsync("other", goesOn: false, CancellationToken.None);

        var call = RunAsync(models, "client", [1], sequence => sequence.PromptIds[0]);
        var younger = a.EnterAsync("other", goesOn: false, CancellationToken.None);

        Assert.False(younger.IsCompleted);
        b.Leave();
        Assert.Equal(1, Assert.Single(await call.WaitAsync(Limit)));
        await younger.WaitAsync(Limit);
    }

    [Fact]
    public async Task RunAsync_ABatchFails_GivesTheTurnBack()
    {
        var model = Model("m");
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => RunAsync([model], "a", [1, 2], _ => throw new InvalidOperationException("broken")).WaitAsync(Limit));

        Assert.Equal(3, Assert.Single(await RunAsync([model], "b", [3], sequence => sequence.PromptIds[0]).WaitAsync(Limit)));
    }

    [Fact]
    public async Task RunAsync_RealScorerAndManyBatches_GivesWhatOneCallGives()
    {
        using var folder = new TinyModel("tiny-gpt2");
        using var engine = LogProbEngine.Load(folder.Open(), new EngineOptions { Threads = 1, MaxScoringTokens = 64 });
        var random = new Random(3);
        ScoredSequence[] sequences = [.. Enumerable.Range(0, 40).Select(_ => new ScoredSequence(
            [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(512))],
            [.. Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(512))]))];
        Assert.InRange(engine.Batches(sequences).Count(), 8, 40);

        var expected = engine.Score(sequences, CancellationToken.None);
        var actual = await ScoringInTurns.RunAsync(
            [Model("m")], engine.Batches(sequences), "a", sequences, part => engine.Score(part, CancellationToken.None), CancellationToken.None).WaitAsync(Limit);

        Assert.Equal(expected.Select(score => score.TokenLogProbs), actual.Select(score => score.TokenLogProbs)); // to the last bit: the same batches
    }

    private static Task<int[]> RunAsync(IReadOnlyList<LoadedModel> models, string client, int[] ids, Func<ScoredSequence, int> score)
    {
        ScoredSequence[] sequences = [.. ids.Select(id => new ScoredSequence([id], []))];
        return ScoringInTurns.RunAsync(models, ids.Select((_, i) => (int[])[i]), client, sequences, part => part.Select(score).ToArray(), CancellationToken.None);
    }

    private static LoadedModel Model(string name) => new()
    {
        Description = new ModelDescription(name, new ModelSource(name, "/"), name, 512, 64),
    };
}
