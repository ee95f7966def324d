namespace Rudder.InferenceService.Telemetry;

/// <summary>The loaded model that a call uses. Metrics take the name from here, so they never show names that callers made up.</summary>
internal sealed record CalledModel(string Name)
{
    /// <summary>The model of a request, or null if it reached none.</summary>
    public static string? Of(HttpContext context) => context.Features.Get<CalledModel>()?.Name;
}
