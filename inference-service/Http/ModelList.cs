using Rudder.Engine;

namespace Rudder.InferenceService.Http;

/// <summary><c>GET /v1/models</c>: the generators. This face cannot use other models.</summary>
internal sealed class ModelList(EngineHost models, TimeProvider time)
{
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Sends all of them.</summary>
    public Task ListAsync(HttpContext http) =>
        SendAsync(http, new { Object = "list", Data = models.List().Where(model => model.Generates).Select(Describe) });

    /// <summary>Sends one of them.</summary>
    public Task OneAsync(HttpContext http, string name)
    {
        using var lease = models.Acquire(name);
        return lease.Description.Generates
            ? SendAsync(http, Describe(lease.Description))
            : throw new RequestFault("model", $"is '{name}'", "it is not a generator", "GET /v1/models names those.", FaultKind.NotFound);
    }

    private static Task SendAsync(HttpContext http, object reply) =>
        http.Response.WriteAsJsonAsync(reply, ReplyJson.Options, "application/json", http.RequestAborted);

    private object Describe(ModelDescription model) => new { Id = model.Name, Object = "model", Created = _created, OwnedBy = "rudder" };
}
