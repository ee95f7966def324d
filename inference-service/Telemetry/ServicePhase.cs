namespace Rudder.InferenceService.Telemetry;

/// <summary>The phase of the service's life cycle.</summary>
internal enum ServicePhase
{
    /// <summary>Models are loading. Calls are refused and health answers NOT_SERVING.</summary>
    Starting,

    /// <summary>Every model of the settings is warm.</summary>
    Serving,

    /// <summary>Running calls finish. New calls are refused.</summary>
    Draining,
}
