using Grpc.Core;

namespace Rudder.InferenceService.Http;

/// <summary>Leads a request below <c>/v1/</c> to its call, or to the error that says why there is none.</summary>
internal sealed class OpenAiRoutes(OpenAiGuard guard, CompletionsCall completions, ModelsCall models)
{
    private const string Completions = "/v1/completions";
    private const string Models = "/v1/models";
    private const string OneModel = "/v1/models/";
    private const string Elsewhere = "/v1/*";

    /// <summary>Handles a request.</summary>
    public Task HandleAsync(HttpContext http)
    {
        string path = http.Request.Path.Value ?? "";
        return guard.RunAsync(http, NameOf(path) ?? Elsewhere, () => CallAsync(http, path));
    }

    /// <summary>What figures and logs name a request by, never a path that a caller made up; null where its path is not below <c>/v1/</c>.</summary>
    public static string? NameOf(string path) => path switch
    {
        Completions => Completions,
        Models => Models,
        _ when IsOneModel(path) => Models,
        _ when path.StartsWith("/v1/", StringComparison.Ordinal) => Elsewhere,
        _ => null,
    };

    private Task CallAsync(HttpContext http, string path) => path switch
    {
        Completions => completions.HandleAsync(Checked(http, "POST")),
        Models => models.ListAsync(Checked(http, "GET", "HEAD")),
        _ when IsOneModel(path) => models.OneAsync(Checked(http, "GET", "HEAD"), path[OneModel.Length..]),
        _ => throw OpenAiException.Protocol(
            StatusCodes.Status404NotFound,
            StatusCode.Unimplemented,
            "nothing is at this path; this service has POST /v1/completions, GET /v1/models and GET /v1/models/MODEL."),
    };

    private static bool IsOneModel(string path) => path.StartsWith(OneModel, StringComparison.Ordinal) && path.Length > OneModel.Length;

    private static HttpContext Checked(HttpContext http, params string[] methods)
    {
        if (methods.Contains(http.Request.Method))
        {
            return http;
        }

        string allowed = string.Join(", ", methods);
        http.Response.Headers.Allow = allowed;
        throw OpenAiException.Protocol(StatusCodes.Status405MethodNotAllowed, StatusCode.Unimplemented, $"the method is not {allowed}, which this path takes.");
    }
}
