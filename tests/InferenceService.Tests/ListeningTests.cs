using System.Net.Sockets;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Rudder.Inference.V1;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests;

/// <summary>Where a started service listens, and what it takes from a connection.</summary>
public sealed class ListeningTests
{
    [Fact]
    public async Task Addresses_SeveralOfEachFace_AreToldApartWithRealPorts()
    {
        await using var service = await RunningService.StartAsync("--http-urls=http://127.0.0.1:0;http://localhost:0");

        string[] all = [.. ServiceHost.Addresses(service.App), .. ServiceHost.HttpAddresses(service.App)];

        Assert.Single(ServiceHost.Addresses(service.App));
        Assert.Equal(3, all.Distinct().Count());
        Assert.All(all, url => Assert.InRange(new Uri(url).Port, 1, 65_535));
        await service.Models.ListAsync(new ListModelsRequest());
    }

    [Fact]
    public async Task Limits_OfAConnection_AreTheSettings()
    {
        await using var service = await RunningService.StartAsync(
            "--Service:MaxStreamsPerConnection=7", "--Service:MaxRequestBytes=2048", "--Service:MaxConnections=9");

        var limits = service.Get<IOptions<KestrelServerOptions>>().Value.Limits;

        Assert.Equal((long?)9, limits.MaxConcurrentConnections);
        Assert.Equal(7, limits.Http2.MaxStreamsPerConnection);
        Assert.Equal(16 << 10, limits.MaxRequestHeadersTotalSize);
        Assert.Equal(TimeSpan.FromSeconds(10), limits.RequestHeadersTimeout);
        Assert.Equal(TimeSpan.FromSeconds(30), limits.Http2.KeepAlivePingDelay);
        Assert.Equal((long?)(2048 + (64 << 10)), limits.MaxRequestBodySize);
        Assert.False(service.Get<IOptions<GrpcServiceOptions>>().Value.EnableDetailedErrors);
    }

    [Fact]
    public async Task Connection_BeyondTheLimit_IsClosedAndTheOthersGoOn()
    {
        await using var service = await RunningService.StartAsync("--Service:MaxConnections=1");
        await service.Models.ListAsync(new ListModelsRequest());             // its connection stays open
        var address = new Uri(service.Url);
        using var second = new TcpClient();
        await second.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);

        // Kestrel says nothing before the client does: a connection that is let in would stay silent.
        int read = await second.GetStream().ReadAsync(new byte[1], TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal(0, read);
        await service.Models.ListAsync(new ListModelsRequest());
    }

    [Fact]
    public async Task Settings_SectionKestrelThatComesLater_IsNotHeeded()
    {
        await using var service = await RunningService.StartAsync();

        service.App.Configuration["Kestrel:Endpoints:Other:Url"] = "http://127.0.0.1:0";

        // What Kestrel reads at each reload of the settings.
        var loader = service.Get<IOptions<KestrelServerOptions>>().Value.ConfigurationLoader;
        Assert.Empty(loader?.Configuration.GetChildren() ?? []);
    }

    [Fact]
    public async Task Call_HeadersAboveTheLimit_FailsAndOthersGoOn()
    {
        await using var service = await RunningService.StartAsync();
        var large = new Metadata { { "large", new string('x', 20_000) } };

        await Assert.ThrowsAsync<RpcException>(async () => await service.Models.ListAsync(new ListModelsRequest(), large));

        await service.Models.ListAsync(new ListModelsRequest());
    }

    [Theory]
    [InlineData("--urls=https://127.0.0.1:0", "Service:Tls:CertificateFile")]
    [InlineData("--http-urls=http://0.0.0.0:0", "Service:AllowRemote")]
    [InlineData("--Service:ApiKeysFile=/nowhere/keys.json", "/nowhere/keys.json cannot be read")]
    public void Build_AddressOrFileThatCannotBeUsed_IsRefused(string flag, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => ServiceHost.Build([flag])).Message);

    [Fact]
    public void Build_FaultsOfSeveralSources_AreListedTogether()
    {
        string[] args = ["--port=1", "--urls=x", "--Service:MaxSlots=0", "--Service:ApiKeysFile=/nowhere"];

        var fault = Assert.Throws<UsageException>(() => ServiceHost.Build(args));

        Assert.Equal(4, fault.Message.Split('\n').Count(line => line.StartsWith("- ", StringComparison.Ordinal)));
    }
}
