using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
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

        string[] all = [.. Listening.Addresses(service.App).Grpc, .. Listening.Addresses(service.App).Http];

        Assert.Single(Listening.Addresses(service.App).Grpc);
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
            services => services.AddLoader(new FakeLoader(engine)),
            [.. RunningService.Model(0, "m", "/"), "--Service:MaxConnections=1"]);
        var running = service.Sampling.SampleAsync(new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1) } });
        await engine.Started;
        var address = new Uri(service.Url);
        using var second = new TcpClient();

        Assert.True(await IsClosedAsync(second, address));
        engine.Release();
        await running;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Reply_NotRead_EndsItsConnection(bool grpc)
    {
        // Kestrel's own line; its grace is ten seconds of a clock that no test moves.
        var ended = new AwaitedLine("was not read by the client at the specified minimum data rate");
        await using var service = await RunningService.StartAsync(
            services => services.AddSingleton<ILoggerProvider>(ended),
            [
                .. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2")), "--http-urls=http://127.0.0.1:0", "--Service:MaxSamples=1024",
                "--Logging:LogLevel:Microsoft.AspNetCore.Server.Kestrel=Debug", "--Logging:Console:LogLevel:Default=None",
            ]);
        using var client = new HttpClient();
        using var request = grpc ? GrpcRequest(service.Url) : HttpRequest(Listening.Addresses(service.App).Http.Single());
        using var reply = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var body = await reply.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[1]);

        await ended.Seen.WaitAsync(TimeSpan.FromMinutes(2));     // reads nothing meanwhile

        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(Stream.Null));
    }

    [Fact]
    public async Task Body_ChunkBeyondAllLimits_IsTheCallersFault()
    {
        await using var service = await RunningService.StartAsync("--http-urls=http://127.0.0.1:0");
        var address = new Uri(Listening.Addresses(service.App).Http.Single());
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        await client.GetStream().WriteAsync(
            "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n80000000\r\n{"u8.ToArray(),
            TestContext.Current.CancellationToken);

        using var reader = new StreamReader(client.GetStream());
        string? status = await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Matches("^HTTP/1.1 (400|413) ", status);
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
        Assert.Contains(expected, Assert.Throws<UsageException>(() => ServiceHost.Build(new CommandLine([flag]))).Message);

    [Fact]
    public void Build_FaultsOfSeveralSources_AreListedTogether()
    {
        string[] args = ["--urls=x", "--Service:MaxSlots=0", "--Service:ApiKeysFile=/nowhere"];

        var fault = Assert.Throws<UsageException>(() => ServiceHost.Build(new CommandLine(args)));

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

    // Some ten megabytes of reply, far more than all buffers on the way.
    private static HttpRequestMessage HttpRequest(string url) => new(HttpMethod.Post, url + "/v1/completions")
    {
        Content = JsonContent.Create(new { model = "m", prompt = new[] { 1, 2 }, n = 1024, max_tokens = 60, logprobs = 5 }),
    };

    private static HttpRequestMessage GrpcRequest(string url)
    {
        byte[] message = new SampleRequest
        {
            Model = "m",
            Prompts = { Golden.Prompt(1, 2) },
            N = 1024,
            TopLogprobs = 20,
            Settings = new SamplerSettings { MaxNewTokens = 60 },
        }.ToByteArray();
        byte[] frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        var request = new HttpRequestMessage(HttpMethod.Post, url + "/inference.v1.Sampling/Sample")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        return request;
    }
}
