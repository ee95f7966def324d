using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Rudder.Inference.V1;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Security;

/// <summary>TLS and mutual TLS on a real Kestrel, with certificates made for the test.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TestCertificates _ours = new("our root");
    private readonly TestCertificates _foreign = new("foreign root");

    public void Dispose()
    {
        _ours.Dispose();
        _foreign.Dispose();
    }

    [Fact]
    public async Task Call_TrustedRoot_IsAnswered()
    {
        await using var service = await RunningService.StartAsync(_ours.Flags);

        Assert.StartsWith("https://127.0.0.1:", service.Url);
        Assert.True(await AnswersAsync(_ours.Channel(service.Url)));
        Assert.True(await AnswersAsync(_ours.Channel(service.Url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Call_ClientRootsSet_NeedsACertificateUnderThem()
    {
        await using var service = await RunningService.StartAsync([.. _ours.Flags, $"--Service:Tls:ClientCaFile={_ours.RootFile}"]);

        Assert.True(await AnswersAsync(_ours.Channel(service.Url, _ours.Client("team-a"))));
        Assert.False(await AnswersAsync(_ours.Channel(service.Url)));
        Assert.False(await AnswersAsync(_ours.Channel(service.Url, _foreign.Client("team-a"))));
    }

    [Fact]
    public async Task Reload_NewCertificate_IsServedToNewConnections()
    {
        await using var service = await RunningService.StartAsync(_ours.Flags);
        using var old = _ours.Channel(service.Url);
        Assert.True(await AnswersAsync(old, dispose: false));

        File.Copy(_foreign.CertificateFile, _ours.CertificateFile, overwrite: true);
        File.Copy(_foreign.KeyFile, _ours.KeyFile, overwrite: true);
        service.Get<FileReloads>().Check();

        Assert.True(await AnswersAsync(_foreign.Channel(service.Url)));
        Assert.False(await AnswersAsync(_ours.Channel(service.Url)));
        Assert.True(await AnswersAsync(old, dispose: false)); // a connection keeps what it has agreed on
    }

    [Fact]
    public async Task Reload_BrokenOrUnfittingFiles_KeepsTheOldCertificate()
    {
        await using var service = await RunningService.StartAsync(_ours.Flags);
        File.Copy(_foreign.KeyFile, _ours.KeyFile, overwrite: true); // half of an exchange
        service.Get<FileReloads>().Check();
        Assert.True(await AnswersAsync(_ours.Channel(service.Url)));

        File.WriteAllText(_ours.CertificateFile, "no certificate");
        service.Get<FileReloads>().Check();
        Assert.True(await AnswersAsync(_ours.Channel(service.Url)));
    }

    [Fact]
    public async Task Reload_NewClientRoots_DecideTheNextHandshake()
    {
        await using var service = await RunningService.StartAsync([.. _ours.Flags, $"--Service:Tls:ClientCaFile={_ours.RootFile}"]);
        Assert.False(await AnswersAsync(_ours.Channel(service.Url, _foreign.Client("team-b"))));

        File.Copy(_foreign.RootFile, _ours.RootFile, overwrite: true);
        service.Get<FileReloads>().Check();

        Assert.True(await AnswersAsync(_ours.Channel(service.Url, _foreign.Client("team-b"))));
        Assert.False(await AnswersAsync(_ours.Channel(service.Url, _ours.Client("team-a"))));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    public async Task Endpoint_WithTls_SpeaksBothProtocols(int major, int minor)
    {
        await using var service = await RunningService.StartAsync([.. _ours.Flags, "--http-urls=https://127.0.0.1:0"]);
        using var client = new HttpClient(_ours.Handler());
        foreach (string url in (string[])[service.Url, Listening.Addresses(service.App).Http.Single()])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url)
            {
                Version = new Version(major, minor),
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            using var response = await client.SendAsync(request);
            Assert.Equal(new Version(major, minor), response.Version);
        }
    }

    [Fact]
    public async Task Endpoint_Cleartext_SpeaksOneProtocol()
    {
        await using var service = await RunningService.StartAsync("--http-urls=http://127.0.0.1:0");
        using var client = new HttpClient();

        using var face = await client.GetAsync(Listening.Addresses(service.App).Http.Single());
        using var grpc = await client.GetAsync(service.Url);

        Assert.NotEqual(HttpStatusCode.BadRequest, face.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, grpc.StatusCode); // HTTP/1.1 at a gRPC address
        Assert.True(await AnswersAsync(GrpcChannel.ForAddress(service.Url)));
        Assert.False(await AnswersAsync(GrpcChannel.ForAddress(Listening.Addresses(service.App).Http.Single())));
    }

    private static async Task<bool> AnswersAsync(GrpcChannel channel, bool dispose = true)
    {
        try
        {
            var client = new Models.ModelsClient(channel);
            await client.ListAsync(new ListModelsRequest(), deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(60));
            return true;
        }
        catch (RpcException fault) when (fault.StatusCode is StatusCode.Unavailable or StatusCode.Internal)
        {
            return false;
        }
        finally
        {
            if (dispose)
            {
                channel.Dispose();
            }
        }
    }
}
