using Grpc.Core;
using Microsoft.AspNetCore.Mvc;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Http;

/// <summary>Maps the OpenAI-compatible face.</summary>
internal static class HttpEndpoints
{
    private const string Paths = "POST /v1/chat/completions, POST /v1/completions, GET /v1/models, GET /v1/models/MODEL, POST /tokenize, POST /detokenize and POST /classify";
    private static readonly string[] Reads = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps its paths. Wrong paths and methods also get errors in OpenAI's form.</summary>
    public static void MapOpenAi(this WebApplication app)
    {
        var group = app.MapGroup("/v1").AddEndpointFilter<RouteGroupBuilder, CallFilter>();
        var size = new RequestSizeLimitAttribute(app.Services.GetRequiredService<ServiceOptions>().MaxRequestBytes);
        group.MapPost("/completions", (HttpContext http, Completions completions) => completions.HandleAsync(http)).WithMetadata(size);
        group.MapPost("/chat/completions", (HttpContext http, ChatCompletions chat) => chat.HandleAsync(http)).WithMetadata(size);
        var root = app.MapGroup("").AddEndpointFilter<RouteGroupBuilder, CallFilter>(); // paths of vLLM, beside OpenAI's
        root.MapPost("/tokenize", (HttpContext http, Tokenization tokenizer) => tokenizer.EncodeAsync(http)).WithMetadata(size);
        root.MapPost("/detokenize", (HttpContext http, Tokenization tokenizer) => tokenizer.DecodeAsync(http)).WithMetadata(size);
        root.MapPost("/classify", (HttpContext http, TextClassifier classifier) => classifier.HandleAsync(http)).WithMetadata(size);
        group.MapMethods("/models", Reads, (HttpContext http, ModelList models) => models.ListAsync(http));
        group.MapMethods("/models/{name}", Reads, (HttpContext http, ModelList models, string name) => models.OneAsync(http, name));
    }

    /// <summary>Adds an error in OpenAI's form to empty replies (401 and 403 of authentication, 404 and 405 of routing).</summary>
    public static void UseOpenAiErrors(this WebApplication app)
    {
        var metrics = app.Services.GetRequiredService<ServiceMetrics>();
        app.UseStatusCodePages(page =>
        {
            var http = page.HttpContext;
            if (http.Features.Get<Refusal>() is { } refusal)
            {
                return ApiErrors.From(refusal.Status).SendAsync(http);
            }

            metrics.CallRefused(EndpointNames.None, nameof(StatusCode.Unimplemented));
            string message = http.Response.StatusCode switch
            {
                StatusCodes.Status405MethodNotAllowed => $"this path takes only {http.Response.Headers.Allow}.",
                StatusCodes.Status404NotFound => $"this path does not exist; the service has {Paths}.",
                var status => $"the request was refused with status {status}; the service has {Paths}.",
            };
            return ApiException.Protocol(http.Response.StatusCode, StatusCode.Unimplemented, message).Error.SendAsync(http);
        });
    }
}
