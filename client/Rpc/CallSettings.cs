namespace Rudder.Client.Rpc;

/// <summary>How each call to the service is bounded and retried.</summary>
/// <param name="Deadline">Time for one attempt of one call. Default 300 s, range 1 ms to 1 day.</param>
/// <param name="Retries">Attempts after the first, on UNAVAILABLE and RESOURCE_EXHAUSTED only. Default 6, range 0 to 50.</param>
/// <param name="RetryDelay">Wait before the first retry; doubles each time, with jitter, up to <paramref name="MaxRetryDelay"/>. Default 0.2 s.</param>
/// <param name="MaxRetryDelay">Longest wait between two attempts. Default 5 s.</param>
internal sealed record CallSettings(TimeSpan Deadline, int Retries, TimeSpan RetryDelay, TimeSpan MaxRetryDelay)
{
    /// <summary>The defaults named above.</summary>
    public static CallSettings Default { get; } =
        new(TimeSpan.FromSeconds(300), 6, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));

    /// <summary>This value, or an error that names the setting out of range.</summary>
    public CallSettings Validated()
    {
        BadInputException.Unless(
            Deadline >= TimeSpan.FromMilliseconds(1) && Deadline <= TimeSpan.FromDays(1),
            $"deadline is {Deadline.TotalSeconds} s; it must lie between 0.001 s and 86400 s.");
        BadInputException.Unless(Retries is >= 0 and <= 50, $"retries is {Retries}; it must lie between 0 and 50.");
        return this;
    }
}
