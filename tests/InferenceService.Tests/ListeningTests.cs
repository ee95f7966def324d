using System.Net.Sockets;
using System.Text;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Rudder.Inference.V1;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;
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
            "--Service:MaxStreamsPerConnection=7", "--Service:MaxRequestBytes=2048");

        var limits = service.Get<IOptions<KestrelServerOptions>>().Value.Limits;

        Assert.Equal((4096d, TimeSpan.FromSeconds(10)), (limits.MinResponseDataRate?.BytesPerSecond, limits.MinResponseDataRate?.GracePeriod));
        Assert.Equal(7, limits.Http2.MaxStreamsPerConnection);
        Assert.Equal(16 << 10, limits.MaxRequestHeadersTotalSize);
        Assert.Equal(TimeSpan.FromSeconds(10), limits.RequestHeadersTimeout);
        Assert.Equal(TimeSpan.FromSeconds(30), limits.Http2.KeepAlivePingDelay);
        Assert.Equal((long?)(2048 + (64 << 10)), limits.MaxRequestBodySize);
        Assert.False(service.Get<IOptions<GrpcServiceOptions>>().Value.EnableDetailedErrors);
    }

    [Theory]
    [InlineData("--Service:MaxConnections=4")]
    [InlineData("--Service:MaxConnectionsPerAddress=4")]
    public async Task Connection_BeyondTheLimit_TakesThePlaceOfTheLongestIdle(string limit)
    {
        await using var service = await RunningService.StartAsync(limit);
        var address = new Uri(service.Url);
        var idle = new List<TcpClient>();
        try
        {
            for (int i = 0; i < 6; i++)
            {
                var client = new TcpClient();
                idle.Add(client);
                await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
            }

            await service.Models.ListAsync(new ListModelsRequest());

            Assert.True(await IsClosedAsync(idle[0]));
            Assert.False(idle[5].Client.Poll(0, SelectMode.SelectRead));     // silent and open
        }
        finally
        {
            idle.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task Connection_BeyondTheLimitWithoutAnIdleOne_IsClosedAndCallsGoOn()
    {
        var engine = new FakeGenerator("f");
        await using var service = await RunningService.StartAsync(
            services => services.AddSingleton<IModelLoader>(new FakeLoader(engine)),
            [.. RunningService.Model(0, "m", "/"), "--Service:MaxConnections=1"]);
        var running = service.Sampling.SampleAsync(new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1) } });
        await engine.Started;
        var address = new Uri(service.Url);
        using var second = new TcpClient();

        Assert.True(await IsClosedAsync(second, address));
        engine.Release();
        await running;
    }

    [Fact]
    public async Task Reply_NotRead_IsGivenUpWithItsConnection()
    {
        await using var service = await RunningService.StartAsync(
            ["--http-urls=http://127.0.0.1:0", "--Service:MaxSequences=2048", "--Service:MaxSamples=1024", .. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2"))]);
        var address = new Uri(ServiceHost.HttpAddresses(service.App).Single());
        using var client = new TcpClient { ReceiveBufferSize = 1024 };
        await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        string body = """{"model":"m","prompt":[1,2],"n":1024,"max_tokens":60,"logprobs":5}""";
        string request = $"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), TestContext.Current.CancellationToken);
        await stream.ReadExactlyAsync(new byte[1], TestContext.Current.CancellationToken);

        // Reads nothing more: the service must be rid of the call by itself.
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (service.Get<ServiceState>().Running > 0)
        {
            await Task.Delay(100, patience.Token);
        }

        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            while (await stream.ReadAsync(new byte[64 << 10], patience.Token) > 0)
            {
            }

            throw new IOException("the reply ended without its end");
        });
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
        string[] args = ["--urls=x", "--Service:MaxSlots=0", "--Service:ApiKeysFile=/nowhere"];

        var fault = Assert.Throws<UsageException>(() => ServiceHost.Build(args));

        Assert.Equal(3, fault.Message.Split('\n').Count(line => line.StartsWith("- ", StringComparison.Ordinal)));
    }

    private static async Task<bool> IsClosedAsync(TcpClient client, Uri? address = null)
    {
        try
        {
            if (address is not null)
            {
                await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
            }

            // Kestrel sends HTTP/2 settings only after the client has spoken: an open connection stays silent.
            return await client.GetStream().ReadAsync(new byte[1], TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60)) == 0;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return true;                                     // reset
        }
    }
}
