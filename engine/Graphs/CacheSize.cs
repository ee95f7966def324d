namespace Rudder.Engine.Graphs;

/// <summary>Computes the size of a key-value cache.</summary>
internal static class CacheSize
{
    /// <summary>Bytes of a cache, checked before any allocation; also an upper bound on GenAI's own cache.</summary>
    /// <param name="shape">The graph's shape.</param>
    /// <param name="slots">S.</param>
    /// <param name="maxTokens">maxT.</param>
    /// <param name="maxBytes">Maximum size.</param>
    /// <exception cref="RequestFault">The cache would exceed the maximum.</exception>
    public static long Of(GraphShape shape, int slots, int maxTokens, long maxBytes)
    {
        try
        {
            long bytes = checked(shape.CacheBytesPerToken * slots * maxTokens);
            return bytes <= maxBytes
                ? bytes
                : throw RequestFault.Unusable(
                    $"the key-value cache of {slots} slots × {maxTokens} tokens needs {bytes:N0} bytes",
                    $"the limit is {maxBytes:N0} (MaxCacheMegabytes)",
                    "Lower MaxSlots or MaxTokens, or raise it.");
        }
        catch (OverflowException e)
        {
            throw RequestFault.Unusable(
                $"the key-value cache of {slots} slots × {maxTokens} tokens is larger than any memory",
                "",
                "Lower MaxSlots or MaxTokens.",
                e);
        }
    }
}
