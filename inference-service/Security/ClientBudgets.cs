using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Security;

/// <summary>What each caller uses of its share: calls that run, and tokens over time.</summary>
/// <remarks>
/// Tokens fill a bucket of one minute's budget that is refilled continuously. They are lent to a call that enters, so that no
/// other spends them meanwhile, and spent when it is admitted (<see cref="ClientShare.Keep"/>), whatever then becomes of it; a call that
/// leaves before gives them back. Callers that made no call for a minute are forgotten: by then their bucket is full again.
/// </remarks>
/// <param name="options">Limits of callers that have none of their own.</param>
/// <param name="time">What the buckets are refilled by.</param>
internal sealed class ClientBudgets(ServiceOptions options, TimeProvider time)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Account> _accounts = new(StringComparer.Ordinal);
    private long _swept = time.GetTimestamp();

    /// <summary>Callers that are remembered now.</summary>
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

    /// <summary>Counts a call in; disposing the result counts it out.</summary>
    /// <param name="caller">Who makes it.</param>
    /// <param name="tokens">Tokens it may use: prompts and, for each completion, prompt and max_new_tokens.</param>
    /// <exception cref="ClientLimitException">It would exceed the caller's calls or tokens; nothing is counted then.</exception>
    public ClientShare Enter(Caller caller, long tokens)
    {
        var (ownCalls, ownTokens) = caller.Limits;
        var calls = Limit.Of(ownCalls, "the key's limit of concurrent calls", options.MaxCallsPerClient, "Service:MaxCallsPerClient");
        var budget = Limit.Of(
            ownTokens, "the key's tokens per minute", options.MaxTokensPerMinutePerClient, "Service:MaxTokensPerMinutePerClient");
        if (calls.Value == 0 && budget.Value == 0)
        {
            return ClientShare.Free;
        }

        RefuseWhatNeverPasses(tokens, budget);
        lock (_lock)
        {
            Forget();
            if (!_accounts.TryGetValue(caller.Name, out var account))
            {
                account = new Account(time.GetTimestamp());
            }

            account.Refill(budget.Value, time);
            RefuseBeyond(account, calls);
            RefuseBeyond(account, tokens, budget);
            account.Running++;
            long lent = budget.Value == 0 ? 0 : tokens;
            account.Lent += lent;
            _accounts[caller.Name] = account;
            return new ClientShare(() => Spend(account, lent, budget.Value), spent => Leave(account, spent ? 0 : lent));
        }
    }

    private static void RefuseWhatNeverPasses(long tokens, Limit budget)
    {
        if (budget.Value > 0 && tokens > budget.Value)
        {
            throw new ClientLimitException(
                $"the call asks for {tokens} tokens and this client has {budget.Value} a minute ({budget.Name}): it can never pass. "
                + "Ask for fewer prompts, completions or tokens in one call.") { NeverPasses = true };
        }
    }

    private static void RefuseBeyond(Account account, Limit calls)
    {
        if (calls.Value > 0 && account.Running >= calls.Value)
        {
            throw new ClientLimitException(
                $"this client runs {account.Running} calls at once and may run {calls.Value} ({calls.Name}). "
                + "The call would pass as soon as one of them ends; try again then.");
        }
    }

    private static void RefuseBeyond(Account account, long tokens, Limit budget)
    {
        double missing = Math.Round(account.Taken + tokens - budget.Value, 6); // what refilling rounds must not refuse a call
        if (budget.Value > 0 && missing > 0)
        {
            var wait = TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling(missing * 60 / budget.Value)));
            long left = (long)Math.Max(0, budget.Value - account.Taken);
            throw new ClientLimitException(
                $"the call asks for {tokens} tokens and this client has {left} left of {budget.Value} a minute ({budget.Name}). "
                + $"It would pass in {wait.TotalSeconds:F0} s; try again then, or ask for less.",
                wait);
        }
    }

    private void Spend(Account account, long lent, int perMinute)
    {
        lock (_lock)
        {
            account.Refill(perMinute, time);                 // for the time before; what is spent now is refilled from now on
            account.Lent -= lent;
            account.Spent += lent;
        }
    }

    private void Leave(Account account, long lent)
    {
        lock (_lock)
        {
            account.Running--;
            account.Lent -= lent;
            account.Touched = time.GetTimestamp();
        }
    }

    // Once a minute at most, so that a call's own cost stays constant on average.
    private void Forget()
    {
        if (time.GetElapsedTime(_swept) < Minute)
        {
            return;
        }

        _swept = time.GetTimestamp();
        foreach (var (name, account) in _accounts)
        {
            if (account.Running == 0 && time.GetElapsedTime(account.Touched) >= Minute)
            {
                _accounts.Remove(name);                      // allowed while a dictionary is walked
            }
        }
    }

    /// <summary>A limit that holds for a caller.</summary>
    /// <param name="Value">The limit; 0: none.</param>
    /// <param name="Name">What sets it, for messages.</param>
    private readonly record struct Limit(int Value, string Name)
    {
        /// <summary>The caller's own limit, or the service's where it has none.</summary>
        public static Limit Of(int own, string ownName, int general, string generalName) => own > 0 ? new(own, ownName) : new(general, generalName);
    }

    /// <summary>What one caller uses. Tokens are kept as spent, not as left, so that a changed limit holds at once.</summary>
    /// <param name="now">When its first call entered.</param>
    private sealed class Account(long now)
    {
        private long _refilled = now;

        /// <summary>Calls that run.</summary>
        public int Running { get; set; }

        /// <summary>Tokens spent and not refilled yet.</summary>
        public double Spent { get; set; }

        /// <summary>Tokens of calls that are not admitted yet.</summary>
        public long Lent { get; set; }

        /// <summary>Tokens that no further call can have now.</summary>
        public double Taken => Spent + Lent;

        /// <summary>When a call last entered or left.</summary>
        public long Touched { get; set; } = now;

        /// <summary>Gives back what the time since the last call is worth.</summary>
        public void Refill(int perMinute, TimeProvider time)
        {
            long at = time.GetTimestamp();
            Spent = Math.Max(0, Spent - (time.GetElapsedTime(_refilled, at).TotalMinutes * perMinute));
            _refilled = Touched = at;
        }
    }
}
