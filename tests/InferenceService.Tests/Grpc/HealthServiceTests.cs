using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Telemetry;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class HealthServiceTests(SharedService shared)
{
    [Theory]
    [InlineData("")]
    [InlineData("inference.v1.Sampling")]
    [InlineData("inference.v1.Scoring")]
    [InlineData("inference.v1.Models")]
    public async Task Check_WarmService_IsServing(string name)
    {
        var reply = await shared.Service.Health.CheckAsync(new HealthCheckRequest { Service = name });

        Assert.Equal(ServingStatus.Serving, reply.Status);
    }

    [Fact]
    public async Task Check_ForeignName_IsNotFound()
    {
        var fault = await Assert.ThrowsAsync<RpcException>(async () => await shared.Service.Health.CheckAsync(new HealthCheckRequest { Service = "x.Y" }));

        Assert.Equal(StatusCode.NotFound, fault.StatusCode);
    }

    [Fact]
    public async Task Watch_ForeignName_IsServiceUnknown()
    {
        using var call = shared.Service.Health.Watch(new HealthCheckRequest { Service = "x.Y" });

        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.ServiceUnknown, call.ResponseStream.Current.Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("inference.v1.Sampling")]
    public async Task Watch_ServiceDrains_ShowsItWithinASecondAndEnds(string name)
    {
        var engine = new FakeGenerator("f");
        await using var service = await RunningService.StartAsync(
            services => services.AddLoader(new FakeLoader(engine)), RunningService.Model(0, "m", "/"));
        using var call = service.Health.Watch(new HealthCheckRequest { Service = name });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.Serving, call.ResponseStream.Current.Status);
        var running = service.Sampling.SampleAsync(new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1) } });
        await engine.Started;

        // The running call holds the drain up, so what Watch shows comes from the change and not from the end.
        var next = call.ResponseStream.MoveNext(CancellationToken.None);
        var stopping = service.App.StopAsync();
        await service.DrainsAsync();
        Assert.True(await next.WaitAsync(TimeSpan.FromSeconds(1)));
        Assert.Equal(ServingStatus.NotServing, call.ResponseStream.Current.Status);
        Assert.Equal(ServingStatus.NotServing, (await service.Health.CheckAsync(new HealthCheckRequest { Service = name })).Status);
        Assert.False(stopping.IsCompleted);

        engine.Release();
        await running;
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
            Assert.Equal(ServingStatus.NotServing, call.ResponseStream.Current.Status);
        }

        await stopping;
    }

    [Fact]
    public async Task Watch_BeyondTheLimit_IsResourceExhaustedUntilOneEnds()
    {
        await using var service = await RunningService.StartAsync("--Service:MaxHealthWatches=1");
        using (var first = service.Health.Watch(new HealthCheckRequest()))
        {
            Assert.True(await first.ResponseStream.MoveNext(CancellationToken.None));

            using var second = service.Health.Watch(new HealthCheckRequest());
            var fault = await Assert.ThrowsAsync<RpcException>(() => second.ResponseStream.MoveNext(CancellationToken.None));

            Assert.Equal(StatusCode.ResourceExhausted, fault.StatusCode);
            Assert.Contains("1 Watch streams are open, all that Service:MaxHealthWatches allows", fault.Status.Detail);
            Assert.Equal(ServingStatus.Serving, (await service.Health.CheckAsync(new HealthCheckRequest())).Status);
        }

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!await OpensAsync(service))
        {
            patience.Token.ThrowIfCancellationRequested();   // the server hears of the first one's end a moment later
        }
    }

    [Fact]
    public async Task AnyCall_WhileDraining_IsUnavailable()
    {
        await using var service = await RunningService.StartAsync();
        _ = service.Get<ServiceState>().BecomeDraining();

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Models.ListAsync(new ListModelsRequest()));

        Assert.Equal(StatusCode.Unavailable, fault.StatusCode);
        Assert.Contains("draining", fault.Status.Detail);
    }

    private static async Task<bool> OpensAsync(RunningService service)
    {
        using var call = service.Health.Watch(new HealthCheckRequest());
        try
        {
            return await call.ResponseStream.MoveNext(CancellationToken.None);
        }
        catch (RpcException refused) when (refused.StatusCode == StatusCode.ResourceExhausted)
        {
            return false;
        }
    }
}
