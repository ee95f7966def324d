namespace Rudder.Engine.Telemetry;

/// <summary>Receives an engine's events on its single hot thread: methods must return at once and allocate nothing.</summary>
internal interface IEngineObserver
{
    /// <summary>A sequence moved from the queue to a slot.</summary>
    /// <param name="waited">Time in the queue.</param>
    /// <param name="promptTokens">Tokens of its prompt.</param>
    void Admitted(TimeSpan waited, int promptTokens);

    /// <summary>A prefill finished.</summary>
    /// <param name="prompts">Number of prompts.</param>
    /// <param name="tokens">Prompt tokens computed, padding included.</param>
    /// <param name="took">Time in the graph.</param>
    void Prefilled(int prompts, int tokens, TimeSpan took);

    /// <summary>A decoding step finished.</summary>
    /// <param name="width">Number of rows.</param>
    /// <param name="decode">Time in the graph.</param>
    /// <param name="sampling">Time in the sampler.</param>
    void Stepped(int width, TimeSpan decode, TimeSpan sampling);

    /// <summary>A sequence got its first token.</summary>
    /// <param name="sinceEnqueued">Time since its request entered the queue.</param>
    void FirstToken(TimeSpan sinceEnqueued);

    /// <summary>Running sequences got their next token; called once per step, not per row.</summary>
    /// <param name="sinceLast">Time since the previous step.</param>
    void NextToken(TimeSpan sinceLast);

    /// <summary>A sequence ended.</summary>
    /// <param name="completionTokens">Number of drawn tokens.</param>
    /// <param name="reason">One of <see cref="SequenceEnd"/>.</param>
    void Finished(int completionTokens, string reason);
}

/// <summary>Why a request was refused.</summary>
internal static class RejectionReason
{
    /// <summary>The queue or the cache has no room.</summary>
    public const string QueueFull = "queue_full";

    /// <summary>The model is unloading or the service is stopping.</summary>
    public const string Draining = "draining";

    /// <summary>The client has used its share.</summary>
    public const string ClientLimit = "client_limit";

    /// <summary>The reader of a stream fell too far behind, so its call was cancelled.</summary>
    public const string SlowReader = "slow_reader";
}

/// <summary>How a sequence ended.</summary>
internal static class SequenceEnd
{
    /// <summary>A stop id or stop string.</summary>
    public const string Stop = "stop";

    /// <summary>The length limit.</summary>
    public const string Length = "length";

    /// <summary>The caller cancelled, its deadline passed, or draining ended it.</summary>
    public const string Cancelled = "cancelled";

    /// <summary>The engine failed during the sequence.</summary>
    public const string Failed = "failed";
}

/// <summary>Ignores all events, for engines outside a service.</summary>
internal sealed class NoObserver : IEngineObserver
{
    /// <summary>The only instance.</summary>
    public static readonly NoObserver Instance = new();

    private NoObserver()
    {
    }

    /// <inheritdoc/>
    public void Admitted(TimeSpan waited, int promptTokens)
    {
    }

    /// <inheritdoc/>
    public void Prefilled(int prompts, int tokens, TimeSpan took)
    {
    }

    /// <inheritdoc/>
    public void Stepped(int width, TimeSpan decode, TimeSpan sampling)
    {
    }

    /// <inheritdoc/>
    public void FirstToken(TimeSpan sinceEnqueued)
    {
    }

    /// <inheritdoc/>
    public void NextToken(TimeSpan sinceLast)
    {
    }

    /// <inheritdoc/>
    public void Finished(int completionTokens, string reason)
    {
    }
}
