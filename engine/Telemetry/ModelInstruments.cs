using System.Diagnostics.Metrics;

namespace Rudder.Engine.Telemetry;

/// <summary>Instruments of one model name on its meter; docs/telemetry.md lists them. The gauges sum the loads of the models that share the name.</summary>
internal sealed class ModelInstruments
{
    private static readonly double[] StepSeconds =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

    private static readonly double[] Shares = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75];
    private static readonly long[] Widths = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

    private readonly Lock _lock = new();
    private readonly List<EngineRecorder> _recorders = [];
    private readonly Meter _meter;

    /// <summary>Creates the instruments.</summary>
    /// <param name="meter">The meter; disposed with the last recorder.</param>
    /// <param name="model">Name of the model in calls.</param>
    public ModelInstruments(Meter meter, string model)
    {
        (_meter, Model) = (meter, model);
        FirstToken = Seconds("gen_ai.server.time_to_first_token", "From a request's arrival in the queue to a sequence's first token.", GenAiTags.FirstTokenSeconds);
        NextToken = Seconds("gen_ai.server.time_per_output_token", "From one decoding step's tokens to the next's.", GenAiTags.NextTokenSeconds);
        Queued = Seconds("rudder.queue.duration", "Time a sequence waited for a slot.", GenAiTags.FirstTokenSeconds);
        Prefill = Seconds("rudder.prefill.duration", "Time of one prefill.", StepSeconds);
        Decode = Seconds("rudder.decode.duration", "Time of one decoding step in the graph.", StepSeconds);
        Sampling = Seconds("rudder.sampling.duration", "Time of one decoding step in the sampler.", StepSeconds);
        SamplerShare = Distribution("rudder.sampler.share", "1", "The sampler's share of a decoding step's time.", Shares);
        Width = Distribution("rudder.batch.width", "{sequence}", "Rows of one decoding step.", Widths);
        PrefillTokens = meter.CreateCounter<long>("rudder.prefill.tokens", "{token}", "Prompt tokens computed, padding included.");
        PrefillPrompts = meter.CreateCounter<long>("rudder.prefill.prompts", "{prompt}", "Prompts computed.");
        Tokens = meter.CreateCounter<long>("rudder.tokens", "{token}", "Tokens of sequences: prompts as they get a slot, drawn ones as they end.");
        Sequences = meter.CreateCounter<long>("rudder.sequences", "{sequence}", "Sequences ended, by reason.");
        ByModel = [new(GenAiTags.RequestModel, model)];
        ByOperation = [new(GenAiTags.OperationName, GenAiTags.TextCompletion), new(GenAiTags.ProviderName, GenAiTags.Provider), ByModel[0]];
        ByInput = [ByModel[0], new(GenAiTags.TokenType, GenAiTags.Input)];
        ByOutput = [ByModel[0], new(GenAiTags.TokenType, GenAiTags.Output)];
        ByReason = [.. Enum.GetNames<SequenceEnd>().Select(end => (KeyValuePair<string, object?>[])[ByModel[0], new("reason", end.ToLowerInvariant())])];
        AddGauges();
    }

    /// <summary>Name of the model in calls.</summary>
    public string Model { get; }

    public Histogram<double> FirstToken { get; }
    public Histogram<double> NextToken { get; }
    public Histogram<double> Queued { get; }
    public Histogram<double> Prefill { get; }
    public Histogram<double> Decode { get; }
    public Histogram<double> Sampling { get; }
    public Histogram<double> SamplerShare { get; }
    public Histogram<long> Width { get; }
    public Counter<long> PrefillTokens { get; }
    public Counter<long> PrefillPrompts { get; }
    public Counter<long> Tokens { get; }
    public Counter<long> Sequences { get; }

    // Attributes, made once so that a report allocates nothing.
    public KeyValuePair<string, object?>[] ByModel { get; }
    public KeyValuePair<string, object?>[] ByOperation { get; }
    public KeyValuePair<string, object?>[] ByInput { get; }
    public KeyValuePair<string, object?>[] ByOutput { get; }
    public KeyValuePair<string, object?>[][] ByReason { get; }       // by SequenceEnd

    /// <summary>Adds a model of this name.</summary>
    public void Add(EngineRecorder recorder)
    {
        lock (_lock)
        {
            _recorders.Add(recorder);
        }
    }

    /// <summary>Removes a model of this name, and ends the series with the last one.</summary>
    /// <returns>Whether it was the last.</returns>
    public bool Remove(EngineRecorder recorder)
    {
        lock (_lock)
        {
            if (!_recorders.Remove(recorder) || _recorders.Count > 0)
            {
                return false;
            }
        }

        _meter.Dispose();
        return true;
    }

    private void AddGauges()
    {
        Gauge("rudder.sequences.running", "{sequence}", "Sequences that have a slot: being decoded, or their prompt is being read in chunks.", load => load.Running);
        Gauge("rudder.sequences.waiting", "{sequence}", "Sequences waiting for a slot.", load => load.Waiting);
        Gauge("rudder.slots", "{slot}", "Sequences that can be decoded together.", load => load.Slots);
        Share("rudder.slots.utilization", "Slots in use, of all.", load => load.Running, load => load.Slots);
        Share("rudder.cache.utilization", "Tokens in the key-value cache, of those it has room for.", load => load.CacheTokensUsed, load => load.CacheTokens);
        Bytes("rudder.cache.usage", "Bytes of the key-value cache that hold tokens.", load => load.CacheTokensUsed);
        Bytes("rudder.cache.limit", "Bytes of the key-value cache.", load => load.CacheTokens);
    }

    private void Gauge(string name, string unit, string description, Func<EngineLoad, long> value) =>
        _meter.CreateObservableGauge<long>(name, () => Watched() is { Count: > 0 } loads ? Measured(loads.Sum(load => value(load.Load))) : [], unit, description);

    private void Share(string name, string description, Func<EngineLoad, long> part, Func<EngineLoad, long> whole) => _meter.CreateObservableGauge<double>(
        name,
        () =>
        {
            var loads = Watched();
            long all = loads.Sum(load => whole(load.Load));
            return all > 0 ? Measured((double)loads.Sum(load => part(load.Load)) / all) : [];
        },
        "1",
        description);

    private void Bytes(string name, string description, Func<EngineLoad, long> tokens) => _meter.CreateObservableGauge<long>(
        name,
        () =>
        {
            var loads = Watched();
            return loads.Any(load => load.CacheBytesPerToken * load.Load.CacheTokens > 0) ? Measured(loads.Sum(load => load.CacheBytesPerToken * tokens(load.Load))) : [];
        },
        "By",
        description);

    // The loads are read under the lock, so that none is read after its recorder is disposed.
    private List<(EngineLoad Load, long CacheBytesPerToken)> Watched()
    {
        lock (_lock)
        {
            return [.. _recorders.Where(recorder => recorder.Load is not null).Select(recorder => (recorder.Load!(), recorder.CacheBytesPerToken))];
        }
    }

    private Measurement<T>[] Measured<T>(T value)
        where T : struct => [new(value, ByModel)];

    private Histogram<double> Seconds(string name, string description, double[] boundaries) => Distribution(name, "s", description, boundaries);

    private Histogram<T> Distribution<T>(string name, string unit, string description, T[] boundaries)
        where T : struct => _meter.CreateHistogram(name, unit, description, advice: new InstrumentAdvice<T> { HistogramBucketBoundaries = boundaries });
}
