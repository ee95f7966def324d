using System.Text.Json.Serialization;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary><c>POST /classify</c>, in vLLM's form, with the same checks, limits and windows as gRPC's Classify.</summary>
internal sealed class TextClassifier(EngineHost models, ClientBudgets budgets, ServiceState state, ServiceMetrics metrics, TimeProvider time)
{
    /// <summary>Handles a request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        var request = await RequestJson.ReadAsync<ClassifyTextsRequest>(http.Request, http.RequestAborted);
        string name = request.Model ?? throw ApiException.Invalid("model", "model is missing. Name a loaded classifier.");
        var texts = request.Input ?? throw ApiException.Invalid("input", "input is missing. Send a text, or a list of texts.");
        using var call = ModelCall.Open(models, state, http, http.RequestAborted, ("model", name));
        var model = call.Model.Description;
        var caller = Caller.Of(http);
        long read = 0;
        var results = await call.Model.ClassifyAsync(
            [.. texts.Select(text => new ClassifierInput(text, null))], caller.Name, tokens => call.Pay(budgets, caller, read = tokens), call.Cancellation);
        metrics.Scored(model.Name, read);
        var reply = new
        {
            Id = $"classify-{Guid.NewGuid():N}",
            Object = "list",
            Created = time.GetUtcNow().ToUnixTimeSeconds(),
            Model = model.Name,
            Data = results.Select((result, index) => new
            {
                Index = index,
                Label = model.Labels[Array.IndexOf(result.Probabilities, result.Probabilities.Max())],
                Probs = result.Probabilities,
                NumClasses = result.Probabilities.Length,
            }),
            Usage = new CompletionUsage(checked((int)read), 0),
        };
        await http.Response.WriteAsJsonAsync(reply, ReplyJson.Options, "application/json", call.Cancellation);
    }
}

/// <summary>Body of <c>POST /classify</c>.</summary>
internal sealed record ClassifyTextsRequest
{
    public string? Model { get; init; }
    [JsonConverter(typeof(InputConverter))] public IReadOnlyList<string>? Input { get; init; }
    public string? User { get; init; }
}
