using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Rudder.Engine.Telemetry;

/// <summary>Keeps one meter per model name: OpenTelemetry drops the series of an unloaded model only with their meter.</summary>
/// <typeparam name="T">Type of the instruments of one meter.</typeparam>
/// <param name="name">Name of the meters.</param>
/// <param name="scope">Scope of the meters; null means the process.</param>
/// <param name="make">Creates the instruments.</param>
internal sealed class ModelMeters<T>(string name, object? scope, Func<Meter, T> make)
{
    private readonly ConcurrentDictionary<string, Lazy<(Meter Meter, T Instruments)>> _models = new(StringComparer.Ordinal);

    /// <summary>Gets the instruments of a model; creates them on first use.</summary>
    /// <param name="model">Name of the model in calls.</param>
    public T Of(string model) => _models.TryGetValue(model, out var known) ? known.Value.Instruments : _models.GetOrAdd(model, Make).Value.Instruments;

    /// <summary>Drops the series of a model.</summary>
    /// <param name="model">Name of the model in calls.</param>
    public void Forget(string model)
    {
        if (_models.TryRemove(model, out var known))
        {
            known.Value.Meter.Dispose();
        }
    }

    private Lazy<(Meter Meter, T Instruments)> Make(string model) => new(() =>
    {
        var meter = new Meter(new MeterOptions(name) { Scope = scope, Tags = [new(GenAiTags.RequestModel, model)] });
        return (meter, make(meter));
    });
}
