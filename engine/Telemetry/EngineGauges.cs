using System.Diagnostics.Metrics;

namespace Rudder.Engine.Telemetry;

/// <summary>Gauges that read the current load of all watched engines on each collection.</summary>
internal sealed class EngineGauges
{
    private readonly Lock _lock = new();
    private readonly List<Watched> _engines = [];

    public EngineGauges(Meter meter)
    {
        Gauge(
            meter,
            "rudder.sequences.running",
            "{sequence}",
            "Sequences that have a slot: being decoded, or their prompt is being read in chunks.",
            sum => sum.Load.Running);
        Gauge(meter, "rudder.sequences.waiting", "{sequence}", "Sequences waiting for a slot.", sum => sum.Load.Waiting);
        Gauge(meter, "rudder.slots", "{slot}", "Sequences that can be decoded together.", sum => sum.Load.Slots);
        Share(meter, "rudder.slots.utilization", "Slots in use, of all.", sum => (sum.Load.Running, sum.Load.Slots));
        Share(
            meter,
            "rudder.cache.utilization",
            "Tokens in the key-value cache, of those it has room for.",
            sum => (sum.Load.CacheTokensUsed, sum.Load.CacheTokens));
        Gauge(meter, "rudder.cache.usage", "By", "Bytes of the key-value cache that hold tokens.", sum => sum.BytesUsed, inBytes: true);
        Gauge(meter, "rudder.cache.limit", "By", "Bytes of the key-value cache.", sum => sum.Bytes, inBytes: true);
    }

    /// <summary>Watches one engine until the result is disposed.</summary>
    public IDisposable Add(string model, Func<EngineLoad> load, long cacheBytesPerToken)
    {
        var engine = new Watched(this, model, load, cacheBytesPerToken);
        lock (_lock)
        {
            _engines.Add(engine);
        }

        return engine;
    }

    private void Gauge(Meter meter, string name, string unit, string description, Func<Sum, long> value, bool inBytes = false) =>
        meter.CreateObservableGauge<long>(
            name,
            () => Read().Where(sum => !inBytes || sum.Bytes > 0).Select(sum => new Measurement<long>(value(sum), ByModel(sum))).ToArray(),
            unit,
            description);

    private void Share(Meter meter, string name, string description, Func<Sum, (long Part, long Whole)> parts) =>
        meter.CreateObservableGauge<double>(
            name,
            () => Read().Select(sum => (Sum: sum, Parts: parts(sum))).Where(share => share.Parts.Whole > 0)
                .Select(share => new Measurement<double>((double)share.Parts.Part / share.Parts.Whole, ByModel(share.Sum))).ToArray(),
            "1",
            description);

    private static KeyValuePair<string, object?> ByModel(Sum sum) => KeyValuePair.Create<string, object?>(GenAiTags.RequestModel, sum.Model);

    /// <summary>The loads by model. Engines are read under the lock, so an engine is never read after its watch is disposed.</summary>
    private List<Sum> Read()
    {
        lock (_lock)
        {
            var byModel = _engines.GroupBy(engine => engine.Model, StringComparer.Ordinal);
            return [.. byModel.Select(engines => engines.Aggregate(
                new Sum(engines.Key, default, 0, 0), (sum, engine) => sum.Plus(engine.Load(), engine.BytesPerToken)))];
        }
    }

    private void Remove(Watched engine)
    {
        lock (_lock)
        {
            _engines.Remove(engine);
        }
    }

    /// <summary>One watched engine.</summary>
    private sealed class Watched(EngineGauges gauges, string model, Func<EngineLoad> load, long bytesPerToken) : IDisposable
    {
        public string Model => model;

        public Func<EngineLoad> Load => load;

        public long BytesPerToken => bytesPerToken;

        public void Dispose() => gauges.Remove(this);
    }

    /// <summary>Total load of the engines with one name.</summary>
    private readonly record struct Sum(string Model, EngineLoad Load, long BytesUsed, long Bytes)
    {
        public Sum Plus(EngineLoad more, long bytesPerToken) => new(
            Model,
            new EngineLoad(
                Load.Running + more.Running,
                Load.Waiting + more.Waiting,
                Load.Slots + more.Slots,
                Load.CacheTokensUsed + more.CacheTokensUsed,
                Load.CacheTokens + more.CacheTokens),
            BytesUsed + (more.CacheTokensUsed * bytesPerToken),
            Bytes + (more.CacheTokens * bytesPerToken));
    }
}
