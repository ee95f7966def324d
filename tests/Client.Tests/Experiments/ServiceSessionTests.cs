using Grpc.Core;
using Rudder.Client.Experiments;
using Rudder.Client.Processes;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Experiments;

/// <summary>How a run meets a service: one of its own that dies, and one that was there before and may be the wrong one.</summary>
public sealed class ServiceSessionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _log = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Open_AnotherProgramAtTheAddress_FailsAtOnceWithItsStatus()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Fault = (_, _, _) => throw new RpcException(new Status(StatusCode.Unimplemented, "no health here"));
        await using ServiceSession session = Session(server.Address, "unused");
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() => session.OpenAsync(CancellationToken.None));
        Assert.Contains("UNIMPLEMENTED: no health here", error.Message, StringComparison.Ordinal);
        Assert.Contains("--service", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, server.Count("Check"));
    }

    [Fact]
    public async Task Open_ServiceThatIsStarting_SaysSoAndWaitsForIt()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        server.Serving = false;
        server.Fault = (_, before, _) =>
        {
            server.Serving = before >= 2;
            return Task.CompletedTask;
        };
        await using ServiceSession session = Session(server.Address, "unused");
        await session.OpenAsync(CancellationToken.None);
        Assert.Equal(3, server.Count("Check"));
        Assert.Single(_log, line => line.StartsWith("waiting for the service at", StringComparison.Ordinal));
        Assert.Contains(_log, line => line.EndsWith("NOT_SERVING", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Health_Call_HasAShortDeadlineOfItsOwn()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        DateTime deadline = DateTime.MaxValue;
        server.Fault = (_, _, context) =>
        {
            deadline = context.Deadline;
            return Task.CompletedTask;
        };
        using InferenceClient client = server.Client();
        Assert.True((await client.HealthAsync(CancellationToken.None)).Serving);
        Assert.True(deadline - TimeProvider.System.GetUtcNow().UtcDateTime <= TimeSpan.FromSeconds(5.5)); // 5 s, and the way there
    }

    [Fact]
    public async Task Open_OwnServiceThatEnds_ShowsItsLastLines()
    {
        await using ServiceSession session = Session(null, "cat"); // refuses the options of a service
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() => session.OpenAsync(CancellationToken.None));
        Assert.Contains("ended before it was ready", error.Message, StringComparison.Ordinal);
        Assert.Contains("urls", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Use_OwnServiceDiesUnderTheWork_ShowsItsLastLinesInsteadOfHowToStartOne()
    {
        await using ServiceSession session = Session(null, "cat");
        await Assert.ThrowsAsync<WorkFailedException>(() => session.OpenAsync(CancellationToken.None));
        WorkFailedException error = await Assert.ThrowsAsync<WorkFailedException>(() => session.UseAsync(() => throw Away()));
        Assert.Contains("ended while it was in use", error.Message, StringComparison.Ordinal);
        Assert.Contains(_folder.File("service.log"), error.Message, StringComparison.Ordinal);
        Assert.Contains("urls", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Use_ServiceOfOthersGoesAway_IsTheirFailure()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        await using ServiceSession session = Session(server.Address, "unused");
        await Assert.ThrowsAsync<ServiceException>(() => session.UseAsync(() => throw Away()));
    }

    private static ServiceException Away() =>
        new("Sampling.Sample", new Uri("http://127.0.0.1:9"), new RpcException(new Status(StatusCode.Unavailable, "connection refused")));

    private ServiceSession Session(Uri? external, string program) =>
        new(
            new ServicePlan(external, () => program, [_folder.Path], _folder.File("service.log"), "", Precision.Fp32),
            new ProcessLedger(_folder.File("processes.json"), _log.Add),
            _log.Add,
            TimeProvider.System
        );
}
