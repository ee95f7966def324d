namespace Rudder.InferenceService.Security;

/// <summary>A caller has used up its share: RESOURCE_EXHAUSTED.</summary>
/// <param name="message">Which limit, the value, and how long until the call would pass.</param>
/// <param name="retryAfter">When the call would pass; null where that depends on other calls' ends, or where it never would.</param>
internal sealed class ClientLimitException(string message, TimeSpan? retryAfter = null) : Exception(message)
{
    /// <summary>When the call would pass; null where that depends on other calls' ends, or where it never would.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>Whether the same call is over the limit at any time: to try it again is in vain. Default false.</summary>
    public bool NeverPasses { get; init; }
}
