using System.Net;
using System.Net.Sockets;
using System.Security.Claims;

namespace Rudder.InferenceService.Security;

/// <summary>The identity behind a call: the owner of its API key, or, without keys, its client certificate or address.</summary>
/// <remarks>Set by <see cref="CallerAuthentication"/> as the request's user.</remarks>
internal sealed class Caller : ClaimsIdentity
{
    /// <summary>Role that may load and unload models.</summary>
    public const string Admin = "admin";

    private const int NetworkBytes = 8;

    /// <summary>Makes an identity. Without keys, every caller may load and unload models.</summary>
    /// <param name="name">The name used in queues and budgets; never the key.</param>
    /// <param name="key">Its API key, or null where the service has none.</param>
    public Caller(string name, ApiKey? key = null)
        : base([new Claim(DefaultNameClaimType, name)], CallerAuthentication.SchemeName)
    {
        (Name, Key) = (name, key);
        if (key?.Admin ?? true)
        {
            AddClaim(new Claim(RoleClaimType, Admin));
        }
    }

    /// <summary>The name used in queues and budgets.</summary>
    public override string Name { get; }

    /// <summary>Its API key, with the limits of its owner; null without one.</summary>
    public ApiKey? Key { get; }

    /// <summary>The caller of an authenticated request.</summary>
    public static Caller Of(HttpContext context) => (Caller)context.User.Identity!;

    /// <summary>Names a caller by address. An IPv6 address becomes its 64-bit network, because one host owns all of it.</summary>
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
