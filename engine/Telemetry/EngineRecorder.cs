namespace Rudder.Engine.Telemetry;

/// <summary>One model's reports put into the instruments; every set of attributes is made once, so that a report allocates nothing.</summary>
internal sealed class EngineRecorder : IEngineObserver
{
    private readonly EngineMetrics _metrics;
    private readonly KeyValuePair<string, object?>[] _genAi;
    private readonly KeyValuePair<string, object?>[] _model;
    private readonly KeyValuePair<string, object?>[] _input;
    private readonly KeyValuePair<string, object?>[] _output;
    private readonly Dictionary<string, KeyValuePair<string, object?>[]> _reasons = new(StringComparer.Ordinal);

    public EngineRecorder(EngineMetrics metrics, string model)
    {
        _metrics = metrics;
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

    /// <inheritdoc/>
    public void Admitted(TimeSpan waited, int promptTokens)
    {
        _metrics.Queued.Record(waited.TotalSeconds, _model);
        _metrics.Tokens.Add(promptTokens, _input);
    }

    /// <inheritdoc/>
    public void Prefilled(int prompts, int tokens, TimeSpan took)
    {
        _metrics.Prefill.Record(took.TotalSeconds, _model);
        _metrics.PrefillPrompts.Add(prompts, _model);
        _metrics.PrefillTokens.Add(tokens, _model);
    }

    /// <inheritdoc/>
    public void Stepped(int width, TimeSpan decode, TimeSpan sampling)
    {
        _metrics.Width.Record(width, _model);
        _metrics.Decode.Record(decode.TotalSeconds, _model);
        _metrics.Sampling.Record(sampling.TotalSeconds, _model);
        double whole = decode.TotalSeconds + sampling.TotalSeconds;
        if (whole > 0)
        {
            _metrics.SamplerShare.Record(sampling.TotalSeconds / whole, _model);
        }
    }

    /// <inheritdoc/>
    public void FirstToken(TimeSpan sinceEnqueued) => _metrics.FirstToken.Record(sinceEnqueued.TotalSeconds, _genAi);

    /// <inheritdoc/>
    public void NextToken(TimeSpan sinceLast) => _metrics.NextToken.Record(sinceLast.TotalSeconds, _genAi);

    /// <inheritdoc/>
    public void Finished(int completionTokens, string reason)
    {
        _metrics.Tokens.Add(completionTokens, _output);
        _metrics.Sequences.Add(1, Reason(reason));
    }

    // A reason nobody foresaw costs an array each time, and no more than that.
    private KeyValuePair<string, object?>[] Reason(string reason) => _reasons.TryGetValue(reason, out var known) ? known : ByReason(reason);

    private KeyValuePair<string, object?>[] ByReason(string reason) => [_model[0], KeyValuePair.Create<string, object?>("reason", reason)];
}
