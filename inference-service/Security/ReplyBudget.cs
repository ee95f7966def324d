using System.Threading.RateLimiting;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary>Limits the bytes of unsent replies per client, on both faces: a client that does not read cannot fill memory.</summary>
/// <param name="options">The limit.</param>
internal sealed class ReplyBudget(ServiceOptions options) : IDisposable
{
    private readonly PartitionedRateLimiter<string> _bytes = PartitionedRateLimiter.Create<string, string>(client =>
        RateLimitPartition.GetConcurrencyLimiter(client, _ => new ConcurrencyLimiterOptions { PermitLimit = options.MaxUnreadMegabytes << 20 }));

    /// <summary>Counts a reply until its request ends.</summary>
    /// <param name="http">The request.</param>
    /// <param name="bytes">Bytes of the reply.</param>
    /// <exception cref="ClientLimitException">The client has left too much unread, or the reply is larger than a setting allows.</exception>
    public void Take(HttpContext http, int bytes)
    {
        RefuseLarger(bytes, options.MaxReplyBytes, "Service:MaxReplyBytes");
        RefuseLarger(bytes, options.MaxUnreadMegabytes << 20, "Service:MaxUnreadMegabytes"); // the limiter throws above it
        var lease = _bytes.AttemptAcquire(Caller.Of(http).Name, bytes);
        http.Response.RegisterForDispose(lease);
        if (!lease.IsAcquired)
        {
            throw new ClientLimitException(
                $"this client has left too many bytes of replies unread: {options.MaxUnreadMegabytes} MiB are the limit (Service:MaxUnreadMegabytes). "
                + "Read the replies, then send the call again.");
        }
    }

    private static void RefuseLarger(int bytes, int limit, string setting)
    {
        if (bytes > limit)
        {
            throw new ClientLimitException($"the reply has {bytes} bytes; the limit is {limit} ({setting}). Ask for less in one call.") { NeverPasses = true };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _bytes.Dispose();
}
