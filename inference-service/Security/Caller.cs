using System.Net;

namespace Rudder.InferenceService.Security;

/// <summary>Who makes a call: the owner of its API key, or, where keys are not asked for, the address it comes from.</summary>
/// <param name="Name">What queues, budgets and metrics know the caller by; never the key itself.</param>
/// <param name="Limits">What it may use at once and over time.</param>
internal sealed record Caller(string Name, CallerLimits Limits)
{
    /// <summary>The caller of a request: what authentication put into its features, else its remote address.</summary>
    public static Caller Of(HttpContext context) => context.Features.Get<Caller>()
        ?? new Caller(AddressOf(context.Connection.RemoteIpAddress), CallerLimits.None);

    private static string AddressOf(IPAddress? address) => address is null ? "local" : address.ToString();
}

/// <summary>A caller's share of the service.</summary>
/// <param name="MaxConcurrentCalls">Calls that run at once; 0: as many as the service takes.</param>
/// <param name="MaxTokensPerMinute">Prompt tokens and tokens asked for, per minute; 0: no limit.</param>
internal sealed record CallerLimits(int MaxConcurrentCalls, int MaxTokensPerMinute)
{
    /// <summary>No limits beside the service's own.</summary>
    public static CallerLimits None { get; } = new(0, 0);
}
