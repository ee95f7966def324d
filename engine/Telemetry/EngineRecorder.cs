namespace Rudder.Engine.Telemetry;

/// <summary>Records one model's events in its instruments. It caches every set of attributes, so that a report allocates nothing.</summary>
internal sealed class EngineRecorder : IEngineObserver
{
    private readonly EngineMetrics _metrics;
    private readonly string _name;
    private readonly KeyValuePair<string, object?>[] _genAi;
    private readonly KeyValuePair<string, object?>[] _model;
    private readonly KeyValuePair<string, object?>[] _input;
    private readonly KeyValuePair<string, object?>[] _output;
    private readonly Dictionary<string, KeyValuePair<string, object?>[]> _reasons = new(StringComparer.Ordinal);

    public EngineRecorder(EngineMetrics metrics, string model)
    {
        (_metrics, _name) = (metrics, model);
        var byModel = KeyValuePair.Create<string, object?>(GenAiTags.RequestModel, model);
        _model = [byModel];
        _genAi =
        [
            KeyValuePair.Create<string, object?>(GenAiTags.OperationName, GenAiTags.TextCompletion),
            KeyValuePair.Create<string, object?>(GenAiTags.ProviderName, GenAiTags.Provider),
            byModel,
        ];
        _input = [byModel, KeyValuePair.Create<string, object?>(GenAiTags.TokenType, GenAiTags.Input)];
        _output = [byModel, KeyValuePair.Create<string, object?>(GenAiTags.TokenType, GenAiTags.Output)];
        foreach (string reason in (string[])[SequenceEnd.Stop, SequenceEnd.Length, SequenceEnd.Cancelled, SequenceEnd.Failed])
        {
            _reasons.Add(reason, ByReason(reason));
        }
    }

    // Looked up on each use, because a reload of the name may replace them.
    private ModelInstruments Instruments => _metrics.Of(_name);

    /// <inheritdoc/>
    public void Admitted(TimeSpan waited, int promptTokens)
    {
        Instruments.Queued.Record(waited.TotalSeconds, _model);
        Instruments.Tokens.Add(promptTokens, _input);
    }

    /// <inheritdoc/>
    public void Prefilled(int prompts, int tokens, TimeSpan took)
    {
        Instruments.Prefill.Record(took.TotalSeconds, _model);
        Instruments.PrefillPrompts.Add(prompts, _model);
        Instruments.PrefillTokens.Add(tokens, _model);
    }

    /// <inheritdoc/>
    public void Stepped(int width, TimeSpan decode, TimeSpan sampling)
    {
        Instruments.Width.Record(width, _model);
        Instruments.Decode.Record(decode.TotalSeconds, _model);
        Instruments.Sampling.Record(sampling.TotalSeconds, _model);
        double whole = decode.TotalSeconds + sampling.TotalSeconds;
        if (whole > 0)
        {
            Instruments.SamplerShare.Record(sampling.TotalSeconds / whole, _model);
        }
    }

    /// <inheritdoc/>
    public void FirstToken(TimeSpan sinceEnqueued) => Instruments.FirstToken.Record(sinceEnqueued.TotalSeconds, _genAi);

    /// <inheritdoc/>
    public void NextToken(TimeSpan sinceLast) => Instruments.NextToken.Record(sinceLast.TotalSeconds, _genAi);

    /// <inheritdoc/>
    public void Finished(int completionTokens, string reason)
    {
        Instruments.Tokens.Add(completionTokens, _output);
        Instruments.Sequences.Add(1, Reason(reason));
    }

    // Unknown reasons only cost an array allocation each time.
    private KeyValuePair<string, object?>[] Reason(string reason) => _reasons.TryGetValue(reason, out var known) ? known : ByReason(reason);

    private KeyValuePair<string, object?>[] ByReason(string reason) => [_model[0], KeyValuePair.Create<string, object?>("reason", reason)];
}
