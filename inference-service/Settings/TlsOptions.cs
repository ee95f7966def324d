using System.ComponentModel.DataAnnotations;

namespace Rudder.InferenceService.Settings;

/// <summary>TLS of the <c>https</c> addresses, section <c>Service:Tls</c>. PEM files; paths are relative to the current folder.</summary>
internal sealed class TlsOptions : IChecked
{
    /// <summary>The service's certificate, followed by its intermediates. Every https address needs it. Default: none.</summary>
    public string CertificateFile { get; init; } = "";

    /// <summary>The certificate's private key, not encrypted. Needed with <see cref="CertificateFile"/>. Default: none.</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>
    /// Roots of client certificates. If set, every https client must present a certificate that chains to them. The service uses neither
    /// system roots nor revocation lists. Default: none.
    /// </summary>
    public string ClientCaFile { get; init; } = "";

    /// <summary>Seconds between checks of these files and the keys file; 0: never. Default 60.</summary>
    [Range(0, 86_400)]
    public int ReloadSeconds { get; init; } = 60;

    public IEnumerable<string> Conflicts()
    {
        if (CertificateFile.Length == 0 != (KeyFile.Length == 0))
        {
            yield return "Service:Tls:CertificateFile and Service:Tls:KeyFile belong together; set both, or neither.";
        }

        if (ClientCaFile.Length > 0 && CertificateFile.Length == 0)
        {
            yield return "Service:Tls:ClientCaFile needs TLS; set Service:Tls:CertificateFile and Service:Tls:KeyFile too, or leave it out.";
        }
    }
}
