using System.Threading.RateLimiting;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary>Limits the bytes of unsent replies per client, streams included, on both faces: a client that does not read cannot fill memory.</summary>
internal sealed class ReplyBudget(ServiceOptions options) : IDisposable
{
    private readonly PartitionedRateLimiter<string> _bytes = PartitionedRateLimiter.Create<string, string>(client =>
        RateLimitPartition.GetConcurrencyLimiter(client, _ => new ConcurrencyLimiterOptions { PermitLimit = options.MaxUnreadMegabytes << 20 }));

    /// <summary>Counts a whole reply until its request ends.</summary>
    /// <exception cref="ClientLimitException">The client has left too much unread, or the reply is larger than a setting allows.</exception>
    public void Take(HttpContext http, int bytes)
    {
        RefuseLarger(bytes, options.MaxReplyBytes, "Service:MaxReplyBytes");
        RefuseLarger(bytes, options.MaxUnreadMegabytes << 20, "Service:MaxUnreadMegabytes"); // the limiter throws above it
        var lease = _bytes.AttemptAcquire(Caller.Of(http).Name, bytes);
        http.Response.RegisterForDispose(lease);
        if (!lease.IsAcquired)
        {
            throw TooMuchUnread();
        }
    }

    /// <summary>Counts the unread events of a stream until its request ends.</summary>
    public UnreadBytes Stream(HttpContext http)
    {
        string client = Caller.Of(http).Name;
        var unread = new UnreadBytes(bytes => _bytes.AttemptAcquire(client, bytes), TooMuchUnread);
        http.Response.RegisterForDispose(unread);
        return unread;
    }

    public void Dispose() => _bytes.Dispose();

    private ClientLimitException TooMuchUnread() => new(
        $"this client has left too many bytes of replies unread: {options.MaxUnreadMegabytes} MiB are the limit (Service:MaxUnreadMegabytes). "
        + "Read the replies, then send the call again.");

    private static void RefuseLarger(int bytes, int limit, string setting)
    {
        if (bytes > limit)
        {
            throw new ClientLimitException($"the reply has {bytes} bytes; the limit is {limit} ({setting}). Ask for less in one call.") { NeverPasses = true };
        }
    }
}

/// <summary>The unread bytes of one stream. It leases them in growing steps, so that most events cost one addition. Thread-safe.</summary>
/// <param name="lease">Leases bytes of the client's budget.</param>
/// <param name="refusal">Makes the fault of a client without any left.</param>
internal sealed class UnreadBytes(Func<int, RateLimitLease> lease, Func<ClientLimitException> refusal) : IDisposable
{
    private const int SmallestStep = 4 << 10;
    private const int LargestStep = 1 << 20;

    private readonly List<RateLimitLease> _leases = [];
    private long _waiting;
    private long _leased;
    private bool _disposed;

    /// <summary>Adds the bytes of an event; returns the fault if the client has none left. Leases nothing after the request has ended.</summary>
    public ClientLimitException? Add(int bytes)
    {
        if (Interlocked.Add(ref _waiting, bytes) <= Interlocked.Read(ref _leased))
        {
            return null;
        }

        lock (_leases)
        {
            while (!_disposed && Interlocked.Read(ref _waiting) > _leased)
            {
                int step = (int)Math.Clamp(_leased, SmallestStep, LargestStep);
                var more = lease(step);
                _leases.Add(more);
                if (!more.IsAcquired)
                {
                    return refusal();
                }

                Interlocked.Add(ref _leased, step);
            }
        }

        return null;
    }

    /// <summary>Removes the bytes of an event that is sent.</summary>
    public void Remove(int bytes) => Interlocked.Add(ref _waiting, -bytes);

    public void Dispose()
    {
        lock (_leases)                                       // the engine's thread may still add
        {
            _disposed = true;
            _leases.ForEach(leased => leased.Dispose());
        }
    }
}
