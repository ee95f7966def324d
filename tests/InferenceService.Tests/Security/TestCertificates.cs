using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Net.Client;

namespace Rudder.InferenceService.Tests.Security;

/// <summary>A root of its own with what it signs, as PEM files in a folder that goes away.</summary>
internal sealed class TestCertificates : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private byte _serial;

    public TestCertificates(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        Root = request.CreateSelfSigned(_now.AddDays(-30), _now.AddDays(30));
        RootFile = Write("root.pem", Root.ExportCertificatePem());
        (CertificateFile, KeyFile) = Server("server", _now.AddDays(1));
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("rudder-certificates-").FullName;

    public X509Certificate2 Root { get; }

    public string RootFile { get; }

    /// <summary>A certificate for 127.0.0.1 and localhost.</summary>
    public string CertificateFile { get; }

    public string KeyFile { get; }

    /// <summary>Flags of a service with this certificate, on a free port.</summary>
    public string[] Flags => ["--urls=https://127.0.0.1:0", $"--Service:Tls:CertificateFile={CertificateFile}", $"--Service:Tls:KeyFile={KeyFile}"];

    /// <summary>A server certificate that ends at a time, as files.</summary>
    public (string Certificate, string Key) Server(string name, DateTimeOffset end)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        var (certificate, key) = Signed(name, ServerUse, end, names.Build());
        return (Write($"{name}.pem", certificate), Write($"{name}.key", key));
    }

    /// <summary>An expired server certificate.</summary>
    public (string Certificate, string Key) Expired() => Server("expired", _now.AddDays(-1));

    /// <summary>A client's certificate with its key.</summary>
    public X509Certificate2 Client(string name)
    {
        var (certificate, key) = Signed(name, ClientUse, _now.AddDays(1), null);
        return X509Certificate2.CreateFromPem(certificate, key);
    }

    /// <summary>A channel that trusts this root alone.</summary>
    public GrpcChannel Channel(string url, X509Certificate2? client = null) =>
        GrpcChannel.ForAddress(url, new GrpcChannelOptions { HttpHandler = Handler(client), DisposeHttpClient = true });

    /// <summary>A handler that trusts this root alone.</summary>
    public SocketsHttpHandler Handler(X509Certificate2? client = null)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(Root);
        return new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = policy,
                ClientCertificateContext = client is null ? null : SslStreamCertificateContext.Create(client, null, offline: true),
            },
        };
    }

    public string Write(string name, string text)
    {
        string path = Path.Combine(Folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private (string Certificate, string Key) Signed(string name, string use, DateTimeOffset end, X509Extension? names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(new OidCollection { new Oid(use) }, critical: false));
        if (names is not null)
        {
            request.CertificateExtensions.Add(names);
        }

        using var certificate = request.Create(Root, _now.AddDays(-2), end, [1, ++_serial]);
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
