using System.Text.Json;
using Rudder.Engine;
using Rudder.Engine.Registry;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Http;

/// <summary><c>GET /v1/models</c>: the generators, which are the models that this face can use.</summary>
internal sealed class ModelsCall(EngineHost models, TimeProvider time)
{
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>All of them.</summary>
    public Task ListAsync(HttpContext http) => OpenAiReply.WriteAsync(http, StatusCodes.Status200OK, json =>
    {
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (var model in models.Models().Where(model => model.Generator is not null))
        {
            Write(json, model);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    /// <summary>One of them.</summary>
    /// <param name="http">The request.</param>
    /// <param name="name">Its name.</param>
    public Task OneAsync(HttpContext http, string name)
    {
        using var lease = models.Acquire(RequestLimits.Name("model", name));
        return lease.Model.Generator is not null
            ? OpenAiReply.WriteAsync(http, StatusCodes.Status200OK, json => Write(json, lease.Model))
            : throw RpcErrors.NotFound($"model '{name}' is no generator; GET /v1/models names those.");
    }

    private void Write(Utf8JsonWriter json, LoadedModel model)
    {
        json.WriteStartObject();
        json.WriteString("id", model.Name);
        json.WriteString("object", "model");
        json.WriteNumber("created", _created);
        json.WriteString("owned_by", "rudder");
        json.WriteEndObject();
    }
}
