using Grpc.Core;
using Rudder.Engine;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>More scoring than a model may hold: refused before it waits, and room again when what waited is done.</summary>
public sealed class ScoringLimitCallsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task LogProbs_TooMuchWaits_IsResourceExhaustedUntilItIsDone()
    {
        await using var service = await RunningService.StartAsync(
            [.. RunningService.Model(0, "g", ModelCopies.Fixture("tiny-gpt2")), "--Service:MaxQueue=3", "--Service:MaxSequences=3"]);
        using var lease = service.Get<EngineHost>().Acquire("g");
        await lease.Model.ScoringTurn.EnterAsync("test", goesOn: false, TestContext.Current.CancellationToken);
        AsyncUnaryCall<LogProbsResponse> waiting;
        try
        {
            waiting = service.Scoring.LogProbsAsync(new LogProbsRequest { Model = "g", Sequences = { Sequences(2) } });
            Assert.True(SpinWait.SpinUntil(() => lease.Model.Scoring.Held == 2, Limit));
            Assert.True(SpinWait.SpinUntil(() => lease.Model.ScoringTurn.IsWantedBesides("another"), Limit));
            Assert.False(lease.Model.ScoringTurn.IsWantedBesides("127.0.0.1")); // it waits as its caller's

            var refused = await Assert.ThrowsAsync<RpcException>(
                async () => await service.Scoring.LogProbsAsync(new LogProbsRequest { Model = "g", Sequences = { Sequences(2) } }))
                .WithinAsync(Limit, "a refusal of the second call");
            Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
            Assert.Equal(2, lease.Model.Scoring.Held);
        }
        finally
        {
            lease.Model.ScoringTurn.Leave();
        }

        Assert.Equal(2, (await waiting.ResponseAsync.WithinAsync(Limit, "a reply to the call that waited")).Results.Count);

        // One model as policy and reference holds its sequences once: 3 of 3.
        var divergence = new DivergenceRequest { Model = "g", Reference = "g", Sequences = { Sequences(3) } };
        var reply = await service.Scoring.DivergenceAsync(divergence).ResponseAsync.WithinAsync(Limit, "a reply once the turn was given back");
        Assert.Equal(3, reply.Results.Count);
        Assert.Equal(0, lease.Model.Scoring.Held);
    }

    private static IEnumerable<Sequence> Sequences(int count) =>
        Enumerable.Range(0, count).Select(_ => new Sequence { PromptIds = { 1, 2 }, CompletionIds = { 3, 4 } });
}
