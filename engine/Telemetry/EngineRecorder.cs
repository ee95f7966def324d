namespace Rudder.Engine.Telemetry;

/// <summary>How a sequence ended.</summary>
internal enum SequenceEnd
{
    /// <summary>A stop id or stop string.</summary>
    Stop,

    /// <summary>The length limit.</summary>
    Length,

    /// <summary>The caller cancelled, its deadline passed, or draining ended it.</summary>
    Cancelled,

    /// <summary>The engine failed during the sequence.</summary>
    Failed,
}

/// <summary>Load of an engine at one moment.</summary>
/// <param name="Running">Sequences that have a slot: they are decoding, or their prompt is being read in chunks.</param>
/// <param name="Waiting">Sequences in the queue.</param>
/// <param name="Slots">Maximum sequences decoded together.</param>
/// <param name="CacheTokensUsed">Tokens in the key-value cache.</param>
/// <param name="CacheTokens">Capacity of the key-value cache, tokens.</param>
internal readonly record struct EngineLoad(int Running, int Waiting, int Slots, long CacheTokensUsed, long CacheTokens);

/// <summary>Records the events of one model's engine. Its hot thread calls this: every method returns at once and allocates nothing.</summary>
internal sealed class EngineRecorder : IDisposable
{
    private readonly ModelInstruments _instruments;
    private readonly Action<EngineRecorder, ModelInstruments> _close;

    /// <summary>Starts to report to the instruments.</summary>
    /// <param name="instruments">Instruments of the model's name.</param>
    /// <param name="close">Called once, when this is disposed.</param>
    public EngineRecorder(ModelInstruments instruments, Action<EngineRecorder, ModelInstruments> close)
    {
        (_instruments, _close) = (instruments, close);
        instruments.Add(this);
    }

    /// <summary>Reads the engine's load for the gauges, from any thread; null before <see cref="Watch"/>.</summary>
    public Func<EngineLoad>? Load { get; private set; }

    /// <summary>Bytes of one token's keys and values; 0 if unknown.</summary>
    public long CacheBytesPerToken { get; private set; }

    /// <summary>Shows the engine's load in the gauges until this is disposed. The load is not read afterwards.</summary>
    /// <param name="load">Reads the load, from any thread.</param>
    /// <param name="cacheBytesPerToken">Bytes of one token's keys and values. Default 0: no gauges in bytes.</param>
    public void Watch(Func<EngineLoad> load, long cacheBytesPerToken = 0) => (CacheBytesPerToken, Load) = (cacheBytesPerToken, load);

    /// <summary>A sequence moved from the queue to a slot.</summary>
    /// <param name="waited">Time in the queue.</param>
    /// <param name="promptTokens">Tokens of its prompt.</param>
    public void Admitted(TimeSpan waited, int promptTokens)
    {
        _instruments.Queued.Record(waited.TotalSeconds, _instruments.ByModel);
        _instruments.Tokens.Add(promptTokens, _instruments.ByInput);
    }

    /// <summary>A prefill finished.</summary>
    /// <param name="prompts">Number of prompts.</param>
    /// <param name="tokens">Prompt tokens computed, padding included.</param>
    /// <param name="took">Time in the graph.</param>
    public void Prefilled(int prompts, int tokens, TimeSpan took)
    {
        _instruments.Prefill.Record(took.TotalSeconds, _instruments.ByModel);
        _instruments.PrefillPrompts.Add(prompts, _instruments.ByModel);
        _instruments.PrefillTokens.Add(tokens, _instruments.ByModel);
    }

    /// <summary>A decoding step finished.</summary>
    /// <param name="width">Number of rows.</param>
    /// <param name="decode">Time in the graph.</param>
    /// <param name="sampling">Time in the sampler.</param>
    public void Stepped(int width, TimeSpan decode, TimeSpan sampling)
    {
        _instruments.Width.Record(width, _instruments.ByModel);
        _instruments.Decode.Record(decode.TotalSeconds, _instruments.ByModel);
        _instruments.Sampling.Record(sampling.TotalSeconds, _instruments.ByModel);
        double whole = decode.TotalSeconds + sampling.TotalSeconds;
        if (whole > 0)
        {
            _instruments.SamplerShare.Record(sampling.TotalSeconds / whole, _instruments.ByModel);
        }
    }

    /// <summary>A sequence got its first token.</summary>
    /// <param name="sinceEnqueued">Time since its request entered the queue.</param>
    public void FirstToken(TimeSpan sinceEnqueued) => _instruments.FirstToken.Record(sinceEnqueued.TotalSeconds, _instruments.ByOperation);

    /// <summary>Running sequences got their next token; called once per step, not per row.</summary>
    /// <param name="sinceLast">Time since the previous step.</param>
    public void NextToken(TimeSpan sinceLast) => _instruments.NextToken.Record(sinceLast.TotalSeconds, _instruments.ByOperation);

    /// <summary>A sequence ended.</summary>
    /// <param name="completionTokens">Number of drawn tokens.</param>
    /// <param name="reason">Why.</param>
    public void Finished(int completionTokens, SequenceEnd reason)
    {
        _instruments.Tokens.Add(completionTokens, _instruments.ByOutput);
        _instruments.Sequences.Add(1, _instruments.ByReason[(int)reason]);
    }

    public void Dispose() => _close(this, _instruments);
}
