using System.Diagnostics.Metrics;

namespace Rudder.Engine.Telemetry;

/// <summary>The engines' instruments per model; docs/telemetry.md lists them.</summary>
/// <remarks>
/// Each name has a meter of its own, because OpenTelemetry drops the series of an unloaded model only with their meter. Models that share a
/// name, as during a swap, share its instruments; they end with the last of these models, so that a report that comes later has no effect.
/// </remarks>
/// <param name="factory">Scope of the meters; null means the process.</param>
internal sealed class EngineMetrics(IMeterFactory? factory)
{
    /// <summary>Name of the meters.</summary>
    public const string MeterName = "Rudder.Engine";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, ModelInstruments> _models = new(StringComparer.Ordinal);

    /// <summary>Starts the reports of one model; the model disposes them when it is freed.</summary>
    public EngineRecorder Open(string model)
    {
        lock (_lock)
        {
            if (!_models.TryGetValue(model, out var instruments))
            {
                var meter = new Meter(new MeterOptions(MeterName) { Scope = factory, Tags = [new(GenAiTags.RequestModel, model)] });
                _models.Add(model, instruments = new ModelInstruments(meter, model));
            }

            return new EngineRecorder(instruments, Close);
        }
    }

    private void Close(EngineRecorder recorder, ModelInstruments instruments)
    {
        lock (_lock)
        {
            if (instruments.Remove(recorder))
            {
                _models.Remove(instruments.Model);
            }
        }
    }
}
