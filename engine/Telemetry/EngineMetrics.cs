using System.Diagnostics.Metrics;

namespace Rudder.Engine.Telemetry;

/// <summary>Load of an engine at one moment.</summary>
/// <param name="Running">Sequences that have a slot: they are decoding, or their prompt is being read in chunks.</param>
/// <param name="Waiting">Sequences in the queue.</param>
/// <param name="Slots">Maximum sequences decoded together.</param>
/// <param name="CacheTokensUsed">Tokens in the key-value cache.</param>
/// <param name="CacheTokens">Capacity of the key-value cache, tokens.</param>
internal readonly record struct EngineLoad(int Running, int Waiting, int Slots, long CacheTokensUsed, long CacheTokens);

/// <summary>The engines' instruments per model; docs/telemetry.md lists them.</summary>
internal sealed class EngineMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Rudder.Engine";

    private readonly EngineGauges _gauges;
    private readonly ModelMeters<ModelInstruments> _models;

    /// <summary>Creates the instruments.</summary>
    /// <param name="factory">Creates the meter; null means a process-wide meter.</param>
    public EngineMetrics(IMeterFactory? factory)
    {
        _gauges = new EngineGauges(factory?.Create(MeterName) ?? new Meter(MeterName));
        _models = new ModelMeters<ModelInstruments>(MeterName, factory, meter => new ModelInstruments(meter));
    }

    /// <summary>Gets the instruments of a model.</summary>
    /// <param name="model">Name of the model in calls.</param>
    public ModelInstruments Of(string model) => _models.Of(model);

    /// <summary>Drops the series of an unloaded model.</summary>
    /// <param name="model">Name of the model in calls.</param>
    public void Forget(string model) => _models.Forget(model);

    /// <summary>Gets the observer that a model's engine reports to.</summary>
    /// <param name="model">Name of the model in calls.</param>
    public IEngineObserver For(string model) => new EngineRecorder(this, model);

    /// <summary>Adds an engine's load to the gauges until the result is disposed; engines with one name (a swap) are summed.</summary>
    /// <param name="model">Name of the model in calls.</param>
    /// <param name="load">Reads the load, from any thread; not called after the result is disposed.</param>
    /// <param name="cacheBytesPerToken">Bytes of one token's keys and values. Default 0: no gauges in bytes.</param>
    public IDisposable Watch(string model, Func<EngineLoad> load, long cacheBytesPerToken = 0) => _gauges.Add(model, load, cacheBytesPerToken);
}
