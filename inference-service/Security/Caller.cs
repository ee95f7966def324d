using System.Net;
using System.Net.Sockets;

namespace Rudder.InferenceService.Security;

/// <summary>Who makes a call: the owner of its API key, or, where keys are not asked for, the address it comes from.</summary>
/// <param name="Name">What queues, budgets and metrics know the caller by; never the key itself.</param>
/// <param name="Limits">What it may use at once and over time.</param>
internal sealed record Caller(string Name, CallerLimits Limits)
{
    private const int NetworkBytes = 8;

    /// <summary>The caller of a request: what authentication put into its features, else its remote address.</summary>
    public static Caller Of(HttpContext context) => context.Features.Get<Caller>()
        ?? new Caller(AddressOf(context.Connection.RemoteIpAddress), CallerLimits.None);

    /// <summary>What an address is known by: itself, or the 64-bit network of an IPv6 address, since whoever has one address of it has them all.</summary>
    public static string AddressOf(IPAddress? address)
    {
        if (address is null)
        {
            return "local";
        }

        if (address.IsIPv4MappedToIPv6 || address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
        }

        byte[] bytes = address.GetAddressBytes();
        bytes.AsSpan(NetworkBytes).Clear();
        return IPAddress.IsLoopback(address) ? address.ToString() : $"{new IPAddress(bytes)}/64";
    }
}

/// <summary>A caller's share of the service.</summary>
/// <param name="MaxConcurrentCalls">Calls that run at once; 0: as many as the service takes.</param>
/// <param name="MaxTokensPerMinute">Prompt tokens and tokens asked for, per minute; 0: no limit.</param>
internal sealed record CallerLimits(int MaxConcurrentCalls, int MaxTokensPerMinute)
{
    /// <summary>No limits beside the service's own.</summary>
    public static CallerLimits None { get; } = new(0, 0);
}
