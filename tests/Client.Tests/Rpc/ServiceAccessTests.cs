using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Rudder.Client.Rpc;
using Rudder.Client.Tests.FakeService;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Rpc;

/// <summary>Keys and certificates: what is sent, what is trusted, what is refused; over a real Kestrel.</summary>
public sealed class ServiceAccessTests : IDisposable
{
    private static readonly CallSettings Once = CallSettings.Default with { Retries = 0 };
    private readonly TemporaryFolder _folder = new();
    private readonly X509Certificate2 _certificate;
    private readonly string _certificateFile;
    private readonly string _certificateKeyFile;

    public ServiceAccessTests()
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=both ends", own, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        _certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
        _certificateFile = _folder.Write("own.pem", _certificate.ExportCertificatePem());
        _certificateKeyFile = _folder.Write("own.key", own.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Call_WithKeyFile_SendsItsFirstLine()
    {
        await using FakeServer server = await FakeServer.StartAsync();
        string? sent = null;
        server.Fault = (_, _, context) =>
        {
            sent = context.RequestHeaders.GetValue("authorization");
            return Task.CompletedTask;
        };
        var access = ServiceAccess.Read(server.Address, _folder.Write("key", "rk-abc\r\nremark"), null, null, null);
        await EncodeAsync(server.Address, access);
        Assert.Equal("Bearer rk-abc", sent);
    }

    [Fact]
    public async Task Call_RootOfTheService_IsTrustedInsteadOfTheSystems()
    {
        await using FakeServer server = await FakeServer.StartAsync(listen => listen.UseHttps(_certificate));
        await EncodeAsync(server.Address, ServiceAccess.Read(server.Address, null, _certificateFile, null, null));
        await Assert.ThrowsAsync<ServiceException>(() => EncodeAsync(server.Address, null));
    }

    [Fact]
    public async Task Call_ClientCertificate_IsPresented()
    {
        string? presented = null;
        await using FakeServer server = await FakeServer.StartAsync(listen => listen.UseHttps(_certificate, tls =>
            {
                tls.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
                tls.ClientCertificateValidation = (given, _, _) =>
                {
                    presented = given.Subject; // The certificate is disposed of with its connection.
                    return true;
                };
            }));
        await EncodeAsync(server.Address, ServiceAccess.Read(server.Address, null, _certificateFile, _certificateFile, _certificateKeyFile));
        Assert.Equal("CN=both ends", presented);
        await Assert.ThrowsAsync<ServiceException>(() =>
            EncodeAsync(server.Address, ServiceAccess.Read(server.Address, null, _certificateFile, null, null))
        );
    }

    [Theory]
    [InlineData("http://10.0.0.1:5", "key", null, null, null, "in clear text")]
    [InlineData("http://127.0.0.1:5", null, "own.pem", null, null, "are for https")]
    [InlineData("https://127.0.0.1:5", null, null, "own.pem", null, "belong together")]
    [InlineData("https://127.0.0.1:5", null, null, "own.pem", "key", "not a certificate and its key")]
    [InlineData("https://127.0.0.1:5", null, "key", null, null, "holds no certificate")]
    [InlineData("https://127.0.0.1:5", "empty", null, null, null, "is not a key")]
    [InlineData("https://127.0.0.1:5", "nowhere", null, null, null, "cannot be read")]
    public void Read_UnfitFiles_AreRefused(string address, string? key, string? root, string? own, string? ownKey, string expected)
    {
        _folder.Write("key", "rk-abc");
        _folder.Write("empty", "\n");
        string? In(string? name) => name is null ? null : _folder.File(name);
        BadInputException fault = Assert.Throws<BadInputException>(() =>
            ServiceAccess.Read(new Uri(address), In(key), In(root), In(own), In(ownKey))
        );
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:5")]
    [InlineData("http://localhost:5")]
    [InlineData("https://10.0.0.1:5")]
    public void Read_KeyForLoopbackOrTls_IsTaken(string address)
    {
        Metadata? headers = ServiceAccess.Read(new Uri(address), _folder.Write("key", "rk-abc"), null, null, null).Headers();
        Assert.Equal("Bearer rk-abc", headers?.GetValue("authorization"));
    }

    private static async Task EncodeAsync(Uri address, ServiceAccess? access)
    {
        using InferenceClient client = new(address, Once, TimeProvider.System, access: access);
        await client.EncodeAsync(new EncodeRequest { Model = FakeModels.Policy, Texts = { "a" } }, CancellationToken.None);
    }
}
