using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Calls that end early: deadline, cancellation, failure, draining, or a model swap.</summary>
public sealed class CallEndingTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly LoggedLines _log = new();

    [Fact]
    public async Task Sample_DeadlinePasses_IsDeadlineExceededAndTheEngineIsTold()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine);
        var deadline = TimeProvider.System.GetUtcNow().UtcDateTime.AddMilliseconds(200);

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(Request(), deadline: deadline));

        Assert.Equal(StatusCode.DeadlineExceeded, fault.StatusCode);
        await engine.Cancelled.WaitAsync(Limit);
    }

    [Fact]
    public async Task SampleStream_ReaderGoesAway_TellsTheEngineAndFreesTheModel()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine);
        var call = service.Sampling.SampleStream(Request());
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        call.Dispose();

        await engine.Cancelled.WaitAsync(Limit);
        await service.Models.UnloadAsync(new UnloadModelRequest { Name = "m" }).ResponseAsync.WaitAsync(Limit);
        Assert.True(engine.Disposed.IsCompleted);
    }

    [Fact]
    public async Task SampleStream_EngineTakesItsTimeToStop_KeepsTheModelUntilItHas()
    {
        var engine = new FakeGenerator("f") { TurnsToStop = 200_000 };
        await using var service = await StartAsync(engine);
        using var gone = new CancellationTokenSource();
        var call = service.Get<SamplingService>().SampleStream(Request(), new Discarding(), new FakeCallContext(gone.Token));
        await engine.Started.WaitAsync(Limit);
        var unloading = service.Get<EngineHost>().UnloadAsync("m");

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.WaitAsync(Limit));
        await unloading.WaitAsync(Limit);
        await engine.Stopped.WaitAsync(Limit);
        Assert.False(engine.FreedAtWork);
    }

    [Theory]
    [InlineData(FaultKind.Busy, StatusCode.ResourceExhausted)]
    [InlineData(FaultKind.Unavailable, StatusCode.Unavailable)]
    [InlineData(FaultKind.ModelUnusable, StatusCode.FailedPrecondition)]
    [InlineData(FaultKind.Unsupported, StatusCode.Unimplemented)]
    [InlineData(FaultKind.NotFound, StatusCode.NotFound)]
    [InlineData(FaultKind.Invalid, StatusCode.InvalidArgument)]
    public async Task Sample_EngineRefuses_HasTheFaultsStatusAndMessage(FaultKind kind, StatusCode status)
    {
        var refusal = new RequestFault("settings.min_p", "is 1", "it takes less", "Use 0.", kind);
        await using var service = await StartAsync(new FakeGenerator("f") { Failure = refusal });

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(Request()));

        Assert.Equal((status, refusal.Message), (fault.StatusCode, fault.Status.Detail));
    }

    [Theory]
    [InlineData(typeof(InvalidOperationException))]
    [InlineData(typeof(OutOfMemoryException))]
    public async Task Sample_EngineFails_IsInternalWithAReferenceAlone(Type failure)
    {
        var engine = new FakeGenerator("f") { Failure = (Exception)Activator.CreateInstance(failure, "secret")! };
        await using var service = await StartAsync(engine);

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(Request()));

        Assert.Equal(StatusCode.Internal, fault.StatusCode);
        Assert.Contains("reference", fault.Status.Detail);
        Assert.DoesNotContain("secret", fault.Status.Detail);
    }

    [Fact]
    public async Task Sample_InternalFailure_IsLoggedByTypeWithoutItsMessage()
    {
        var engine = new FakeGenerator("f") { Failure = new InvalidOperationException("secret") };
        await using var service = await StartAsync(engine);

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(Request()));

        string reference = fault.Status.Detail.Split("reference ")[1].TrimEnd('.');
        string line = Assert.Single(_log.Written, entry => entry.Contains(reference, StringComparison.Ordinal));
        Assert.Contains("InvalidOperationException", line);
        Assert.DoesNotContain(_log.Written, entry => entry.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Sample_FailureBesideADeadline_EndsWithTheDeadlineAndIsLoggedAllTheSame()
    {
        var engine = new FakeGenerator("f") { FailureOnCancel = new InvalidOperationException("secret") };
        await using var service = await StartAsync(engine);
        var deadline = TimeProvider.System.GetUtcNow().UtcDateTime.AddMilliseconds(200);

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Sampling.SampleAsync(Request(), deadline: deadline));
        await service.App.StopAsync().WaitAsync(Limit); // the call has left the service, and with it its log line is written

        Assert.Equal(StatusCode.DeadlineExceeded, fault.StatusCode);
        Assert.Single(_log.Written, entry => entry.Contains("failed, reference", StringComparison.Ordinal) && entry.Contains("InvalidOperationException", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.Written, entry => entry.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stop_WithARunningCall_RefusesNewOnesAndLetsItFinish()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine);
        var running = service.Sampling.SampleAsync(Request());
        await engine.Started.WaitAsync(Limit);

        var stopping = service.App.StopAsync();
        await service.DrainsAsync();

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await service.Models.ListAsync(new ListModelsRequest()));
        Assert.False(stopping.IsCompleted);
        engine.Release();

        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
        Assert.Equal([7], (await running).Completions[0].Ids);
        await stopping.WaitAsync(Limit);
    }

    [Fact]
    public async Task AnyCall_WhileDraining_IsLoggedWithItsStatusAndNotCountedIn()
    {
        await using var service = await StartAsync(new FakeGenerator("f"), "--Logging:LogLevel:Rudder=Debug");
        _ = service.Get<ServiceState>().BecomeDraining();

        await Assert.ThrowsAsync<RpcException>(async () => await service.Models.ListAsync(new ListModelsRequest()));

        Assert.Contains(_log.Written, line => line.Contains("/inference.v1.Models/List ended with Unavailable", StringComparison.Ordinal));
        Assert.Equal(0, service.Get<ServiceState>().Running);
    }

    [Fact]
    public async Task Stop_CallOutlastsTheDrainingTime_EndsItAsUnavailable()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine, "--Service:DrainSeconds=0");
        var running = service.Sampling.SampleAsync(Request());
        await engine.Started.WaitAsync(Limit);

        await service.App.StopAsync().WaitAsync(Limit);

        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(async () => await running)).StatusCode);
    }

    [Fact]
    public async Task Load_WhileTheOldModelIsBusy_ServesTheNewAndFreesTheOldAfterItsCall()
    {
        var old = new FakeGenerator("old");
        var fresh = new FakeGenerator("new");
        fresh.Release();
        await using var service = await StartAsync([old, fresh]);
        var running = service.Sampling.SampleAsync(Request());
        await old.Started.WaitAsync(Limit);

        await service.Get<EngineHost>().LoadAsync(new ModelSource("m", "/", default, default), CancellationToken.None);

        Assert.Equal("new", (await service.Sampling.SampleAsync(Request())).Fingerprint);
        Assert.False(old.Disposed.IsCompleted);
        old.Release();
        Assert.Equal("old", (await running).Fingerprint);
        await old.Disposed.WaitAsync(Limit);
    }

    [Fact]
    public async Task Unload_CallOutlastsTheDrainingTime_EndsItAndFreesTheModel()
    {
        var engine = new FakeGenerator("f");
        await using var service = await StartAsync(engine, "--Service:DrainSeconds=0");
        var running = service.Sampling.SampleAsync(Request());
        await engine.Started.WaitAsync(Limit);

        await service.Models.UnloadAsync(new UnloadModelRequest { Name = "m" }).ResponseAsync.WaitAsync(Limit);

        Assert.True(engine.Disposed.IsCompleted);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(async () => await running)).StatusCode);
    }

    private Task<RunningService> StartAsync(FakeGenerator engine, params string[] args) => StartAsync([engine], args);

    private Task<RunningService> StartAsync(FakeGenerator[] engines, params string[] args) => RunningService.StartAsync(
        services =>
        {
            services.AddLoader(new FakeLoader(engines));
            services.AddSingleton<ILoggerProvider>(_log);
        },
        [.. RunningService.Model(0, "m", "/"), "--Logging:Console:LogLevel:Default=None", .. args]); // the failures here are meant

    private static SampleRequest Request() => new() { Model = "m", Prompts = { Golden.Prompt(1) } };

    /// <summary>A reader that takes everything at once.</summary>
    private sealed class Discarding : IServerStreamWriter<SampleStreamResponse>
    {
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(SampleStreamResponse message) => Task.CompletedTask;
    }
}
