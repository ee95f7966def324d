namespace Rudder.Engine.Telemetry;

/// <summary>What an engine tells of its work. The calls come from its one hot thread: they return at once and allocate nothing.</summary>
internal interface IEngineObserver
{
    /// <summary>A sequence left the queue for a slot.</summary>
    /// <param name="waited">Since it was put in.</param>
    /// <param name="promptTokens">Tokens of its prompt.</param>
    void Admitted(TimeSpan waited, int promptTokens);

    /// <summary>One prefill is done.</summary>
    /// <param name="prompts">Prompts in it.</param>
    /// <param name="tokens">Prompt tokens that were computed, padding included.</param>
    /// <param name="took">Time in the graph.</param>
    void Prefilled(int prompts, int tokens, TimeSpan took);

    /// <summary>One decoding step is done.</summary>
    /// <param name="width">Rows in it.</param>
    /// <param name="decode">Time in the graph.</param>
    /// <param name="sampling">Time in the sampler.</param>
    void Stepped(int width, TimeSpan decode, TimeSpan sampling);

    /// <summary>A sequence has its first token.</summary>
    /// <param name="sinceEnqueued">Since its request was put into the queue.</param>
    void FirstToken(TimeSpan sinceEnqueued);

    /// <summary>Running sequences have their next token; told once per step, not per row.</summary>
    /// <param name="sinceLast">Since the step before.</param>
    void NextToken(TimeSpan sinceLast);

    /// <summary>A sequence is over.</summary>
    /// <param name="completionTokens">Tokens it drew.</param>
    /// <param name="reason">One of <see cref="SequenceEnd"/>.</param>
    void Finished(int completionTokens, string reason);
}

/// <summary>Why a request was refused.</summary>
internal static class RejectionReason
{
    /// <summary>The queue, or the cache it may ask for, has no room.</summary>
    public const string QueueFull = "queue_full";

    /// <summary>The model is being unloaded or the service stops.</summary>
    public const string Draining = "draining";

    /// <summary>The client has its share already.</summary>
    public const string ClientLimit = "client_limit";

    /// <summary>The reader of a stream fell too far behind: its call was given up.</summary>
    public const string SlowReader = "slow_reader";
}

/// <summary>How a sequence ended.</summary>
internal static class SequenceEnd
{
    /// <summary>A stop id or stop string.</summary>
    public const string Stop = "stop";

    /// <summary>The length limit.</summary>
    public const string Length = "length";

    /// <summary>The caller went away, its deadline passed, or draining ended it.</summary>
    public const string Cancelled = "cancelled";

    /// <summary>The engine failed under it.</summary>
    public const string Failed = "failed";
}

/// <summary>Watches nothing: for engines outside a service.</summary>
internal sealed class NoObserver : IEngineObserver
{
    /// <summary>The only one.</summary>
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
