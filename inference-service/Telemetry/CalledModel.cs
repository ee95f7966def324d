namespace Rudder.InferenceService.Telemetry;

/// <summary>The loaded model that a call came to; kept with the request, so that metrics name loaded models and never what a caller wrote.</summary>
/// <param name="Name">The name it was loaded under.</param>
internal sealed record CalledModel(string Name)
{
    /// <summary>Remembers the model of a request.</summary>
    public static void Remember(HttpContext context, string name) => context.Features.Set(new CalledModel(name));

    /// <summary>The model of a request, or null where it came to none.</summary>
    public static string? Of(HttpContext context) => context.Features.Get<CalledModel>()?.Name;
}
