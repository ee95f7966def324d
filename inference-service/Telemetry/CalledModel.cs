namespace Rudder.InferenceService.Telemetry;

/// <summary>The loaded model that a call uses. Metrics take the name from here, so they never show names that callers made up.</summary>
/// <param name="Name">The name of the loaded model.</param>
internal sealed record CalledModel(string Name)
{
    /// <summary>Remembers the model of a request.</summary>
    public static void Remember(HttpContext context, string name) => context.Features.Set(new CalledModel(name));

    /// <summary>The model of a request, or null if it reached none.</summary>
    public static string? Of(HttpContext context) => context.Features.Get<CalledModel>()?.Name;
}
