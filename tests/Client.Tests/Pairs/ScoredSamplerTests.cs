using Rudder.Client.Pairs;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Pairs;

/// <summary>Scores of drawn completions: each its own, however many there are.</summary>
public sealed class ScoredSamplerTests
{
    private const int Positive = 1;

    [Fact]
    public async Task Draw_MoreCompletionsThanOneCallTakes_ScoresEachInSeveralCalls()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using InferenceClient client = server.Client();
        IReadOnlyList<ScoredGroup> groups = await Sampler(client, 64).DrawAsync(Prompts(20), CancellationToken.None);
        int[] asked =
        [
            .. server.Calls.Where(call => call.Method == "Classify").Select(call => ((ClassifyRequest)call.Request).Inputs.Count),
        ];
        Assert.Equal([1024, 256], asked);
        Assert.All(groups, group =>
            Assert.All(group.Completions, c => Assert.Equal(FakeModels.Positive(group.Prompt.Text + c.Drawn.Text), c.Score))
        );
    }

    [Fact]
    public async Task Draw_FewerScoresThanCompletions_IsAFailure()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Withheld = 1;
        using InferenceClient client = server.Client();
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() =>
            Sampler(client, 2).DrawAsync(Prompts(2), CancellationToken.None)
        );
        Assert.Contains("returned 3 results of Scoring.Classify; 4 were asked for", error.Message, StringComparison.Ordinal);
    }

    private static ScoredSampler Sampler(InferenceClient client, int samples) =>
        new(client, FakeModels.List[0], FakeModels.List[2], Positive, new SamplingPlan(samples, 4));

    private static CutPrompt[] Prompts(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new CutPrompt($"p{i}", $"Prompt {i}", [.. FakeModels.Encode($"Prompt {i}")]))];
}
