using System.Threading.RateLimiting;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary>Limits of each client on both faces: concurrent calls, and tokens per minute.</summary>
/// <remarks>
/// <para>A <see cref="ConcurrencyLimiter"/> per client limits concurrent calls.</para>
/// <para>
/// A bucket of one minute, which refills continuously, limits tokens. <see cref="TokenBucketRateLimiter"/> lacks three things: it cannot
/// take back tokens of a call that is refused later (its leases are final), give the exact time until a call of n tokens passes, or
/// follow a changed limit without losing what was spent. A call borrows its tokens when it enters, so that other calls cannot spend
/// them. It spends them when it is admitted (<see cref="ClientShare.Keep"/>), and returns them if it leaves before that.
/// </para>
/// </remarks>
/// <param name="options">Limits for keys without their own, and for callers without a key.</param>
/// <param name="time">Clock of the buckets.</param>
internal sealed class ClientBudgets(ServiceOptions options, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Account> _accounts = new(StringComparer.Ordinal);
    private long _swept = time.GetTimestamp();

    // The key includes the limit, so that a changed limit applies immediately.
    private readonly PartitionedRateLimiter<(string Name, int Limit)> _calls = PartitionedRateLimiter.Create<(string Name, int Limit), (string, int)>(
        client => client.Limit == 0
            ? RateLimitPartition.GetNoLimiter(("", 0))
            : RateLimitPartition.GetConcurrencyLimiter(client, _ => new ConcurrencyLimiterOptions { PermitLimit = client.Limit }));

    /// <summary>Number of clients with a token account.</summary>
    public int Remembered
    {
        get
        {
            lock (_lock)
            {
                return _accounts.Count;
            }
        }
    }

    /// <summary>Counts a call against its client's limits. Disposing the result ends it.</summary>
    /// <param name="caller">The caller.</param>
    /// <param name="tokens">Tokens the call may use: prompts and, for each completion, prompt and max_new_tokens.</param>
    /// <exception cref="ClientLimitException">The call exceeds a limit; nothing is counted.</exception>
    public ClientShare Enter(Caller caller, long tokens)
    {
        var calls = caller.Key is { MaxConcurrentCalls: > 0 and var own }
            ? new Limit(own, "the key's max_concurrent_calls")
            : new Limit(options.MaxCallsPerClient, "Service:MaxCallsPerClient");
        var budget = caller.Key is { MaxTokensPerMinute: > 0 and var perMinute }
            ? new Limit(perMinute, "the key's max_tokens_per_minute")
            : new Limit(options.MaxTokensPerMinutePerClient, "Service:MaxTokensPerMinutePerClient");
        var place = _calls.AttemptAcquire((caller.Name, calls.Value));
        if (!place.IsAcquired)
        {
            throw new ClientLimitException($"this client runs {calls.Value} calls at once, its limit ({calls.Name}). Try again when one of them ends.");
        }

        try
        {
            return new ClientShare(place, budget.Value == 0 ? _ => { } : Lend(caller.Name, tokens, budget));
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }

    public void Dispose() => _calls.Dispose();

    /// <summary>Lends tokens. The result settles them: true spends them, false returns them.</summary>
    private Action<bool> Lend(string client, long tokens, Limit budget)
    {
        lock (_lock)
        {
            Forget();
            var account = _accounts.GetValueOrDefault(client) ?? new Account(time.GetTimestamp());
            account.Refill(budget.Value, time);
            RefuseBeyond(account, tokens, budget);
            account.Lent += tokens;
            _accounts[client] = account;
            return spent =>
            {
                lock (_lock)
                {
                    account.Refill(budget.Value, time);      // before spending: tokens spent now start to refill now
                    account.Lent -= tokens;
                    account.Spent += spent ? tokens : 0;
                }
            };
        }
    }

    private static void RefuseBeyond(Account account, long tokens, Limit budget)
    {
        if (tokens > budget.Value)
        {
            throw new ClientLimitException(
                $"the call asks for {tokens} tokens and this client has {budget.Value} a minute ({budget.Name}), so it can never pass. "
                + "Ask for fewer prompts, completions or tokens in one call.") { NeverPasses = true };
        }

        double missing = Math.Round(account.Spent + account.Lent + tokens - budget.Value, 6); // ignores a refill's rounding error
        if (missing > 0)
        {
            var wait = TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling(missing * 60 / budget.Value)));
            long left = (long)Math.Max(0, budget.Value - account.Spent - account.Lent);
            throw new ClientLimitException(
                $"the call asks for {tokens} tokens and this client has {left} left of {budget.Value} a minute ({budget.Name}). "
                + $"Try again in {wait.TotalSeconds:F0} s, or ask for less.") { RetryAfter = wait };
        }
    }

    // A full bucket needs no account. The sweep runs once a minute, so that its cost per call stays constant on average.
    private void Forget()
    {
        if (time.GetElapsedTime(_swept) < Minute)
        {
            return;
        }

        _swept = time.GetTimestamp();
        foreach (var (name, _) in _accounts.Where(entry => entry.Value.IsFull(time)))
        {
            _accounts.Remove(name);                          // allowed while a dictionary is enumerated
        }
    }

    /// <summary>A limit that applies to a caller.</summary>
    /// <param name="Value">The limit; 0: none.</param>
    /// <param name="Name">The setting, for messages.</param>
    private readonly record struct Limit(int Value, string Name);

    /// <summary>Tokens of one client. Stores spent rather than remaining tokens, so that a changed limit applies immediately.</summary>
    /// <param name="now">Time of the client's first call.</param>
    private sealed class Account(long now)
    {
        private long _refilled = now;

        /// <summary>Spent tokens that have not been refilled.</summary>
        public double Spent { get; set; }

        /// <summary>Tokens of calls that are not admitted yet.</summary>
        public long Lent { get; set; }

        /// <summary>Whether nothing is lent and a minute has refilled what was spent.</summary>
        public bool IsFull(TimeProvider time) => Lent == 0 && time.GetElapsedTime(_refilled) >= Minute;

        /// <summary>Refills the tokens for the time since the last change.</summary>
        public void Refill(int perMinute, TimeProvider time)
        {
            long at = time.GetTimestamp();
            Spent = Math.Max(0, Spent - (time.GetElapsedTime(_refilled, at).TotalMinutes * perMinute));
            _refilled = at;
        }
    }
}

/// <summary>A call that counts against its client's limits.</summary>
/// <param name="place">Its place among the client's calls.</param>
/// <param name="settle">Spends its tokens (true) or returns them (false).</param>
internal sealed class ClientShare(IDisposable place, Action<bool> settle) : IDisposable
{
    private int _settled;

    /// <summary>Marks the call as admitted: its tokens are spent, even if it fails later. A second call does nothing.</summary>
    public void Keep() => Settle(spent: true);

    /// <summary>Ends the call. Returns tokens that were not spent.</summary>
    public void Dispose()
    {
        Settle(spent: false);
        place.Dispose();
    }

    private void Settle(bool spent)
    {
        if (Interlocked.Exchange(ref _settled, 1) == 0)
        {
            settle(spent);
        }
    }
}

/// <summary>A client is at a limit: RESOURCE_EXHAUSTED.</summary>
/// <param name="message">The limit, its value, and when the call would pass.</param>
internal sealed class ClientLimitException(string message) : Exception(message)
{
    /// <summary>Time until the call would pass; null if that depends on other calls or it never would.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether the call alone exceeds the limit, so that a retry is useless. Default false.</summary>
    public bool NeverPasses { get; init; }
}
