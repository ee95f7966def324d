using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary><c>POST /v1/chat/completions</c>: completions of a conversation under the model's chat template.</summary>
internal sealed class ChatCompletions(EngineHost models, ServiceState state, Completions completions, TimeProvider time)
{
    /// <summary>Handles a request.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        var chat = await RequestJson.ReadAsync<ChatRequest>(http.Request, http.RequestAborted);
        http.Features.Set(chat);                             // for naming its fields in errors
        chat.Check();
        using var call = ModelCall.Open(models, state, http, http.RequestAborted, ("model", chat.Model!));
        var prompt = call.Model.EncodeChat(chat.Messages!);
        var request = chat.ToCompletion(prompt, call.Model.Description.Context);
        var generation = request.Convert(Caller.Of(http).Name) with { StopIds = prompt.StopIds };
        await completions.RunAsync(http, call, request, generation, (plan, _) => new ChatWork(request, call.Model, plan, time.GetUtcNow()));
    }
}
