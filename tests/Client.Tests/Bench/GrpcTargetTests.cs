using Grpc.Core;
using Rudder.Client.Bench;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Bench;

/// <summary>What goes over gRPC, and what comes back as times, tokens and failures.</summary>
public sealed class GrpcTargetTests
{
    private static readonly BenchRequest Ids = new(null, [97, 98, 99], 6, 11);

    [Fact]
    public async Task SendAsync_TwoSamples_CountsEachToken()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using GrpcTarget target = new(server.Client(), FakeModels.Policy, 2);
        RequestTimer timer = Timer(2);
        await target.SendAsync(Ids, timer, CancellationToken.None);

        var sent = (SampleRequest)Assert.Single(server.Calls).Request;
        Assert.Equal((FakeModels.Policy, 2, 6, 11UL), (sent.Model, sent.N, sent.Settings.MaxNewTokens, sent.Settings.Seed));
        Assert.Equal(Ids.Ids!, Assert.Single(sent.Prompts).Ids.Ids);
        int drawn = Enumerable.Range(0, 2).Sum(sample => FakeModels.Complete(sent, 0, sample).Ids.Count);
        Assert.Equal((3, drawn), timer.Usage);
        Assert.Equal(drawn, timer.Gaps.Count + 2);
    }

    [Fact]
    public async Task SendAsync_Text_IsSentAsText()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using GrpcTarget target = new(server.Client(), FakeModels.Policy, 1);
        server.Fault = (_, _, _) => throw new RpcException(new Status(StatusCode.ResourceExhausted, "full"));
        await Assert.ThrowsAsync<FailedRequestException>(
            () => target.SendAsync(new BenchRequest("a film", null, 6, 1), Timer(1), CancellationToken.None));
        Assert.Equal("a film", Assert.Single(((SampleRequest)Assert.Single(server.Calls).Request).Prompts).Text);
    }

    [Theory]
    [InlineData(StatusCode.ResourceExhausted, "RESOURCE_EXHAUSTED", false)]
    [InlineData(StatusCode.InvalidArgument, "INVALID_ARGUMENT", true)]
    public async Task SendAsync_Refused_FailsOnceWithItsStatus(StatusCode code, string status, bool refused)
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Fault = (_, _, _) => throw new RpcException(new Status(code, "scripted"));
        using GrpcTarget target = new(server.Client(), FakeModels.Policy, 1);
        FailedRequestException failure = await Assert.ThrowsAsync<FailedRequestException>(
            () => target.SendAsync(Ids, Timer(1), CancellationToken.None));
        Assert.Equal((status, "scripted", refused), (failure.Status, failure.Message, failure.Refused));
        Assert.Equal(1, server.Count("SampleStream"));       // a stream is not retried
    }

    [Fact]
    public async Task SendAsync_Cancelled_IsACancellation()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using CancellationTokenSource stop = new();
        server.Fault = async (_, _, context) =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        };
        using GrpcTarget target = new(server.Client(), FakeModels.Policy, 1);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => target.SendAsync(Ids, Timer(1), stop.Token));
    }

    [Fact]
    public async Task PrepareAsync_KnownAndUnknownModel_GivesItsVocabularyOrRefuses()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        using GrpcTarget known = new(server.Client(), FakeModels.Policy, 1);
        Assert.Equal(256, await known.PrepareAsync(CancellationToken.None));
        using GrpcTarget unknown = new(server.Client(), "polcy", 1);
        await Assert.ThrowsAsync<BadInputException>(() => unknown.PrepareAsync(CancellationToken.None));
    }

    private static RequestTimer Timer(int completions) => new(TimeProvider.System, TimeProvider.System.GetTimestamp(), completions);
}
