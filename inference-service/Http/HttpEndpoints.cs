using Grpc.AspNetCore.Server;
using Grpc.Core;

namespace Rudder.InferenceService.Http;

/// <summary>Maps the OpenAI-compatible face.</summary>
internal static class HttpEndpoints
{
    private const string Paths = "POST /v1/completions, GET /v1/models and GET /v1/models/MODEL";
    private static readonly string[] Reads = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Registers its parts.</summary>
    public static void AddOpenAi(this IServiceCollection services) => services
        .AddSingleton<Completions>()
        .AddSingleton<PromptScores>()
        .AddSingleton<ModelList>();

    /// <summary>Maps its paths. Wrong paths and methods get errors in OpenAI's form, too.</summary>
    public static void MapOpenAi(this WebApplication app)
    {
        var group = app.MapGroup("/v1").AddEndpointFilter<RouteGroupBuilder, CallFilter>();
        group.MapPost("/completions", (HttpContext http, Completions completions) => completions.HandleAsync(http));
        group.MapMethods("/models", Reads, (HttpContext http, ModelList models) => models.ListAsync(http));
        group.MapMethods("/models/{name}", Reads, (HttpContext http, ModelList models, string name) => models.OneAsync(http, name));
    }

    /// <summary>Gives replies without a body, such as routing's 404 and 405, an error in OpenAI's form.</summary>
    public static void UseOpenAiErrors(this WebApplication app) => app.UseStatusCodePages(page =>
    {
        var http = page.HttpContext;
        string message = http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => $"this path does not exist; the service has {Paths}.",
            StatusCodes.Status405MethodNotAllowed => $"this path does not take {Method(http.Request)}; it takes {http.Response.Headers.Allow}.",
            var status => $"the request was refused with status {status}; the service has {Paths}.",
        };
        return ApiException.Protocol(http.Response.StatusCode, StatusCode.Unimplemented, message).Error.SendAsync(http);
    });

    private static string Method(HttpRequest request) => request.Method.Length < 10 ? request.Method : "this method";
}

/// <summary>Names of endpoints in metrics and traces.</summary>
internal static class EndpointNames
{
    /// <summary>The gRPC method or the route of an endpoint, <c>*</c> without one; never a path that a caller made up.</summary>
    public static string Of(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.FullName ?? (endpoint as RouteEndpoint)?.RoutePattern.RawText ?? "*";
}
