using System.Net;

namespace Rudder.InferenceService.Options;

/// <summary>Reads <c>--urls</c>: cleartext HTTP on loopback addresses, others only where the settings allow them.</summary>
internal static class ListenAddresses
{
    /// <summary>Where the service listens when nothing is said.</summary>
    public const string Default = "http://127.0.0.1:50051";

    /// <summary>The addresses of a <c>;</c>-separated list.</summary>
    /// <param name="urls">The value of <c>--urls</c>, or null for <see cref="Default"/>.</param>
    /// <param name="allowRemote"><see cref="ServiceOptions.AllowRemote"/>.</param>
    /// <exception cref="UsageException">A URL cannot be listened on, or is not allowed.</exception>
    public static IReadOnlyList<IPEndPoint> Parse(string? urls, bool allowRemote)
    {
        string[] parts = (urls ?? Default).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return parts.Length > 0
            ? [.. parts.Select(url => ParseOne(url, allowRemote))]
            : throw new UsageException($"--urls is empty; an example: {Default}.");
    }

    private static IPEndPoint ParseOne(string url, bool allowRemote)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp || uri.AbsolutePath != "/")
        {
            throw new UsageException($"--urls holds '{url}'; it takes http://ADDRESS:PORT (cleartext HTTP/2), for example {Default}.");
        }

        if (!TryAddress(uri.DnsSafeHost, out var address))
        {
            throw new UsageException($"--urls holds '{url}'; its host must be an IP address or localhost, for example {Default}.");
        }

        return allowRemote || IPAddress.IsLoopback(address)
            ? new IPEndPoint(address, uri.Port)
            : throw new UsageException(
                $"--urls holds '{url}', which other machines can reach; calls are neither encrypted nor authenticated. "
                + "Use 127.0.0.1, or allow it with --Service:AllowRemote true.");
    }

    private static bool TryAddress(string host, out IPAddress address)
    {
        address = IPAddress.Loopback;
        return host == "localhost" || IPAddress.TryParse(host, out address!);
    }
}
