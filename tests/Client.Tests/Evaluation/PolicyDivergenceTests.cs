using Rudder.Client.Evaluation;
using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Evaluation;

/// <summary>Divergences of more completions than the service takes in one call.</summary>
public sealed class PolicyDivergenceTests
{
    [Fact]
    public async Task Measure_MoreSequencesThanOneCallTakes_AsksInSeveralAndKeepsTheOrder()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        IReadOnlyList<EvaluationRow> rows = await Divergence(client).MeasureAsync([Group(900), Group(200)], CancellationToken.None);
        int[] asked = [.. server.Calls.Select(call => ((DivergenceRequest)call.Request).Sequences.Count)];
        Assert.Equal([1024, 76], asked);
        Assert.Equal([900, 200], rows.Select(row => row.Completions.Count));
        IEnumerable<Sequence> second = Group(200).Completions.Select(c => new Sequence { CompletionIds = { c.Drawn.Ids } });
        double[] expected = [.. second.Select(sequence => FakeModels.Diverge(sequence).KlSeqExact)];
        Assert.Equal(expected, rows[1].Completions.Select(c => c.KlSeqExact));
    }

    [Fact]
    public async Task Measure_FewerResultsThanSequences_IsAFailure()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Withheld = 1;
        using InferenceClient client = server.Client();
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() =>
            Divergence(client).MeasureAsync([Group(3)], CancellationToken.None)
        );
        Assert.Contains("returned 2 results of Scoring.Divergence; 3 were asked for", error.Message, StringComparison.Ordinal);
    }

    private static PolicyDivergence Divergence(InferenceClient client) => new(client, FakeModels.List[0], FakeModels.List[1]);

    private static ScoredGroup Group(int completions) =>
        new(
            new CutPrompt("p", "A", [65]),
            [.. Enumerable.Range(0, completions).Select(i => new ScoredCompletion(new Completion { Text = "b", Ids = { i } }, 0.5))]
        );
}
