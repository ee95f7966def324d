using System.Diagnostics.Metrics;

namespace Rudder.Engine.Telemetry;

/// <summary>What an engine holds at one moment.</summary>
/// <param name="Running">Sequences that have a slot: being decoded, or their prompt is being read in chunks.</param>
/// <param name="Waiting">Sequences in the queue.</param>
/// <param name="Slots">Sequences that can be decoded together.</param>
/// <param name="CacheTokensUsed">Tokens whose keys and values are held.</param>
/// <param name="CacheTokens">Tokens the cache has room for.</param>
internal readonly record struct EngineLoad(int Running, int Waiting, int Slots, long CacheTokensUsed, long CacheTokens);

/// <summary>The engines' instruments, by model; docs/telemetry.md lists them.</summary>
internal sealed class EngineMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Rudder.Engine";

    private readonly EngineGauges _gauges;
    private readonly ModelMeters<ModelInstruments> _models;

    /// <summary>Makes the instruments.</summary>
    /// <param name="factory">Makes the meter; null: a meter of the process.</param>
    public EngineMetrics(IMeterFactory? factory)
    {
        _gauges = new EngineGauges(factory?.Create(MeterName) ?? new Meter(MeterName));
        _models = new ModelMeters<ModelInstruments>(MeterName, factory, meter => new ModelInstruments(meter));
    }

    /// <summary>The instruments of a model.</summary>
    /// <param name="model">The name calls use.</param>
    public ModelInstruments Of(string model) => _models.Of(model);

    /// <summary>Drops the series of a model that is unloaded.</summary>
    /// <param name="model">The name calls used.</param>
    public void Forget(string model) => _models.Forget(model);

    /// <summary>What a model's engine reports to.</summary>
    /// <param name="model">The name calls use.</param>
    public IEngineObserver For(string model) => new EngineRecorder(this, model);

    /// <summary>Shows an engine's load in the gauges, until the result is disposed; engines of one name (a swap) are summed.</summary>
    /// <param name="model">The name calls use.</param>
    /// <param name="load">Reads the load, from any thread; no longer called once the result is disposed.</param>
    /// <param name="cacheBytesPerToken">Bytes of one token's keys and values; 0, the default, leaves the gauges in bytes out.</param>
    public IDisposable Watch(string model, Func<EngineLoad> load, long cacheBytesPerToken = 0) => _gauges.Add(model, load, cacheBytesPerToken);
}
