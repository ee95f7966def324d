namespace Rudder.InferenceService.Telemetry;

/// <summary>Where the service is in its life.</summary>
internal enum ServicePhase
{
    /// <summary>Models are loading: calls are refused, health says NOT_SERVING.</summary>
    Starting,

    /// <summary>Every model of the settings is warm.</summary>
    Serving,

    /// <summary>Running calls finish, new ones are refused.</summary>
    Draining,
}
