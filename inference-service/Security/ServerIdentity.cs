using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary>The service's certificate with its intermediates, and the roots of callers' certificates.</summary>
internal sealed class ServerIdentity
{
    // RFC 5280, 4.2.1.12: certificates for client authentication.
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly SslStreamCertificateContext _context;
    private readonly X509Certificate2Collection? _clientRoots;

    private ServerIdentity(X509Certificate2 certificate, X509Certificate2Collection intermediates, X509Certificate2Collection? clientRoots)
    {
        Certificate = certificate;
        _clientRoots = clientRoots;

        // Offline: the chain comes from the file, without downloads.
        _context = SslStreamCertificateContext.Create(certificate, intermediates, offline: true);
    }

    /// <summary>The service's own certificate.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Reads the files of the settings.</summary>
    /// <exception cref="SecurityFileException">A file is invalid, the key does not match, or the certificate has expired.</exception>
    public static FileBacked<ServerIdentity> Open(TlsOptions options, DateTimeOffset now)
    {
        string[] paths = options.ClientCaFile.Length > 0
            ? [options.CertificateFile, options.KeyFile, options.ClientCaFile]
            : [options.CertificateFile, options.KeyFile];
        return new FileBacked<ServerIdentity>(paths, (content, time) => Parse(options, content, time), now);
    }

    /// <summary>Options of one handshake. Each handshake needs new ones, because SslStream changes the chain policy.</summary>
    public SslServerAuthenticationOptions Handshake()
    {
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = _context,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
        if (_clientRoots is not null)
        {
            options.ClientCertificateRequired = true;
            options.CertificateChainPolicy = ClientChain(_clientRoots);

            // A resumed session would skip the check against the roots, which may have changed.
            options.AllowTlsResume = false;
        }

        return options;
    }

    private static X509ChainPolicy ClientChain(X509Certificate2Collection roots)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(roots);
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return policy;
    }

    private static ServerIdentity Parse(TlsOptions options, IReadOnlyList<byte[]> content, DateTimeOffset now)
    {
        string chain = Encoding.ASCII.GetString(content[0]);
        var certificate = WithKey(options, chain, Encoding.ASCII.GetString(content[1]));
        if (now < certificate.NotBefore || now >= certificate.NotAfter)
        {
            throw new SecurityFileException(
                $"{options.CertificateFile} is valid from {certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u}; "
                + $"now is {now:u}. Renew it.");
        }

        var intermediates = Certificates(options.CertificateFile, chain);
        intermediates.RemoveAt(0);
        return new ServerIdentity(
            certificate,
            intermediates,
            content.Count > 2 ? Certificates(options.ClientCaFile, Encoding.ASCII.GetString(content[2])) : null);
    }

    private static X509Certificate2 WithKey(TlsOptions options, string chain, string key)
    {
        try
        {
            var certificate = X509Certificate2.CreateFromPem(chain, key);

            // TLS on Windows cannot use a key that is only in memory.
            return OperatingSystem.IsWindows()
                ? X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null)
                : certificate;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new SecurityFileException(
                $"{options.CertificateFile} and {options.KeyFile} cannot be used together: {e.Message} "
                + "Both must be PEM; the key must belong to the first certificate and must not be encrypted.",
                e);
        }
    }

    private static X509Certificate2Collection Certificates(string path, string pem)
    {
        try
        {
            var found = new X509Certificate2Collection();
            found.ImportFromPem(pem);
            return found.Count > 0 ? found : throw new SecurityFileException($"{path} holds no certificate; it takes PEM (-----BEGIN CERTIFICATE-----).");
        }
        catch (CryptographicException e)
        {
            throw new SecurityFileException($"{path} holds no certificates: {e.Message} It takes PEM (-----BEGIN CERTIFICATE-----).", e);
        }
    }
}
