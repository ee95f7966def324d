using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;

namespace Rudder.Client.Rpc;

/// <summary>Credentials for a service: an API key, the root that signs the service, and a certificate of this client.</summary>
internal sealed class ServiceAccess
{
    private string? _key;
    private X509Certificate2Collection? _roots;
    private SslStreamCertificateContext? _certificate;

    private ServiceAccess() { }

    /// <summary>For a service that asks for nothing; https ones are checked against the system's roots.</summary>
    public static ServiceAccess Open { get; } = new();

    /// <summary>Reads the files that hold key and certificates.</summary>
    /// <param name="address">The service. Certificates need https; a key needs https or a loopback address.</param>
    /// <param name="keyFile">Its first line is the key; null for none.</param>
    /// <param name="rootFile">PEM roots, instead of the system's; null for those.</param>
    /// <param name="certificateFile">PEM certificate of the client with its intermediates; null for none.</param>
    /// <param name="certificateKeyFile">Its key, PEM, not encrypted; needed with the certificate.</param>
    /// <exception cref="BadInputException">A file cannot be used, or does not fit the address.</exception>
    public static ServiceAccess Read(Uri address, string? keyFile, string? rootFile, string? certificateFile, string? certificateKeyFile)
    {
        bool tls = address.Scheme == Uri.UriSchemeHttps;
        if (keyFile is not null && !tls && !address.IsLoopback)
        {
            throw new BadInputException($"--api-key-file would send the key in clear text to {address}; use https, or a loopback address.");
        }

        if (!tls && (rootFile ?? certificateFile ?? certificateKeyFile) is not null)
        {
            throw new BadInputException($"--ca, --certificate and --certificate-key are for https; --service is {address}.");
        }

        if (certificateFile is null != certificateKeyFile is null)
        {
            throw new BadInputException("--certificate FILE and --certificate-key FILE belong together; give both, or neither.");
        }

        return new ServiceAccess
        {
            _key = keyFile is null ? null : ReadKey(keyFile),
            _roots = rootFile is null ? null : ReadCertificates("--ca", rootFile),
            _certificate = certificateFile is null ? null : ReadCertificate(certificateFile, certificateKeyFile!),
        };
    }

    /// <summary>The headers of each call; null where there are none.</summary>
    public Metadata? Headers() => _key is null ? null : new Metadata { { "authorization", $"Bearer {_key}" } };

    /// <summary>A handler with the certificates; null where the channel's own will do. The caller disposes it.</summary>
    public SocketsHttpHandler? Handler()
    {
        if (_roots is null && _certificate is null)
        {
            return null;
        }

        SslClientAuthenticationOptions tls = new() { ClientCertificateContext = _certificate };
        if (_roots is not null)
        {
            X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(_roots);
            tls.CertificateChainPolicy = policy;
        }

        return new SocketsHttpHandler { EnableMultipleHttp2Connections = true, SslOptions = tls };
    }

    private static string ReadKey(string path)
    {
        string line = Readable("--api-key-file", path).Split('\n')[0].Trim();
        return line.Length > 0 && line.All(letter => letter is > ' ' and <= '~')
            ? line
            : throw new BadInputException(
                $"--api-key-file: the first line of {path} is not a key; inference-service --new-key NAME prints one.");
    }

    private static X509Certificate2Collection ReadCertificates(string option, string path)
    {
        try
        {
            X509Certificate2Collection found = [];
            found.ImportFromPem(Readable(option, path));
            return found.Count > 0 ? found : throw new BadInputException($"{option}: {path} holds no certificate; it takes PEM.");
        }
        catch (CryptographicException cause)
        {
            throw new BadInputException($"{option}: {path} holds no certificates: {cause.Message}", cause);
        }
    }

    private static SslStreamCertificateContext ReadCertificate(string path, string keyPath)
    {
        try
        {
            X509Certificate2Collection chain = ReadCertificates("--certificate", path);
            var own = X509Certificate2.CreateFromPem(Readable("--certificate", path), Readable("--certificate-key", keyPath));

            // TLS on Windows refuses keys that exist in memory only.
            X509Certificate2 usable = OperatingSystem.IsWindows()
                ? X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null)
                : own;
            return SslStreamCertificateContext.Create(usable, chain, offline: true);
        }
        catch (Exception cause) when (cause is CryptographicException or ArgumentException)
        {
            throw new BadInputException($"--certificate: {path} and {keyPath} are not a certificate and its key: {cause.Message}", cause);
        }
    }

    private static string Readable(string option, string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{option}: {path} cannot be read: {cause.Message}", cause);
        }
    }
}
