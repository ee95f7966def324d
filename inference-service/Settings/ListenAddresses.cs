using System.Net;

namespace Rudder.InferenceService.Settings;

/// <summary>One address that the service listens on.</summary>
/// <param name="EndPoint">Address and port; port 0 takes a free one.</param>
/// <param name="Tls">Whether it speaks TLS.</param>
internal sealed record ListenAddress(IPEndPoint EndPoint, bool Tls)
{
    public override string ToString() => $"{(Tls ? "https" : "http")}://{EndPoint}";
}

/// <summary>Reads <c>--urls</c> and <c>--http-urls</c>. Addresses beyond loopback need TLS and authentication, unless allowed.</summary>
internal static class ListenAddresses
{
    /// <summary>The default address.</summary>
    public const string Default = "http://127.0.0.1:50051";

    /// <summary>The addresses of a <c>;</c>-separated list.</summary>
    /// <param name="flag">The flag, for the faults.</param>
    /// <param name="urls">Its value.</param>
    /// <param name="options">What is allowed. A configured file counts even if it is invalid, so that its fault is reported once.</param>
    /// <param name="faults">Gets a line for each URL that is invalid or not allowed.</param>
    public static IReadOnlyList<ListenAddress> Parse(string flag, string urls, ServiceOptions options, ICollection<string> faults)
    {
        string[] parts = urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length == 0)
        {
            faults.Add($"{flag} is empty; an example: {Default}. Leave it out for the default.");
        }

        return [.. parts.Select(url => ParseOne(flag, url, options, faults)).OfType<ListenAddress>()];
    }

    private static ListenAddress? ParseOne(string flag, string url, ServiceOptions options, ICollection<string> faults)
    {
        string? fault = null;
        ListenAddress? address = null;
        if (!IsPlain(url, out var uri))
        {
            fault = $"it takes http://ADDRESS:PORT or https://ADDRESS:PORT, for example {Default}.";
        }
        else if (!TryAddress(uri.DnsSafeHost, out var host))
        {
            fault = $"its host must be an IP address or localhost, for example {Default}.";
        }
        else
        {
            address = new ListenAddress(new IPEndPoint(host, uri.Port), uri.Scheme == Uri.UriSchemeHttps);
            fault = Refusal(address, options);
        }

        if (fault is not null)
        {
            faults.Add($"{flag} holds '{url}'; {fault}");
        }

        return fault is null ? address : null;
    }

    private static string? Refusal(ListenAddress address, ServiceOptions options)
    {
        if (address.Tls && options.Tls.CertificateFile.Length == 0)
        {
            return "https needs a certificate: set Service:Tls:CertificateFile and Service:Tls:KeyFile.";
        }

        if (options.AllowRemote || IPAddress.IsLoopback(address.EndPoint.Address) || (address.Tls && KnowsCallers(options)))
        {
            return null;
        }

        string lack = address.Tls ? "callers are not checked" : "calls there are not encrypted";
        return $"other machines can reach that, and {lack}. Use 127.0.0.1; or https with Service:ApiKeysFile or Service:Tls:ClientCaFile; "
            + "or, inside a trusted network, allow it with --Service:AllowRemote true.";
    }

    private static bool KnowsCallers(ServiceOptions options) => options.ApiKeysFile.Length > 0 || options.Tls.ClientCaFile.Length > 0;

    private static bool IsPlain(string url, out Uri uri) =>
        Uri.TryCreate(url, UriKind.Absolute, out uri!)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" };

    private static bool TryAddress(string host, out IPAddress address)
    {
        address = IPAddress.Loopback;
        return host == "localhost" || IPAddress.TryParse(host, out address!);
    }
}
