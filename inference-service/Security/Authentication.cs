using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Primitives;
using Rudder.InferenceService.Http;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Security;

/// <summary>Stands before all endpoints: with keys configured every call but health needs one, and only an admin's key loads and unloads models.</summary>
internal sealed class Authentication(RequestDelegate next, SecurityFiles files, ServiceMetrics metrics, ILogger<Authentication> logger)
{
    private const string Scheme = "Bearer ";
    private const string Elsewhere = "*";

    /// <summary>Lets a call through, its <see cref="Caller"/> among its features, or answers it.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        if (files.Keys is null)
        {
            return WithoutKeys(context);
        }

        // Routing has chosen the method already; a path could be written in more ways than one.
        var method = context.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method;

        // A probe has no key, and learns only whether the service is ready.
        if (method?.ServiceName == Health.Descriptor.FullName)
        {
            return next(context);
        }

        string? presented = Presented(context.Request.Headers);
        if (presented is null)
        {
            return RefuseAsync(context, StatusCode.Unauthenticated, "no API key; send it as 'authorization: Bearer KEY' or 'x-api-key: KEY'.");
        }

        if (files.Keys.Current.Find(presented) is not { } key)
        {
            return RefuseAsync(context, StatusCode.Unauthenticated, "the API key is none of this service's; ask its operator for one.");
        }

        if (!key.Admin && IsForAdmins(method))
        {
            return RefuseAsync(context, StatusCode.PermissionDenied, "loading and unloading models needs an admin's API key; ask the service's operator.");
        }

        context.Features.Set(key.Caller);
        return next(context);
    }

    private static bool IsForAdmins(IMethod? method) =>
        method is { Name: "Load" or "Unload" } && method.ServiceName == Inference.V1.Models.Descriptor.FullName;

    // For figures, which must not grow with the paths that a stranger makes up.
    private static string NameOf(HttpContext context)
    {
        var endpoint = context.GetEndpoint();
        string path = context.Request.Path.Value ?? "";
        return endpoint?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.FullName
            ?? (endpoint is RouteEndpoint { RoutePattern.RawText: MetricsPage.Route } ? MetricsPage.Route : OpenAiRoutes.NameOf(path) ?? Elsewhere);
    }

    private Task WithoutKeys(HttpContext context)
    {
        // The handshake has checked the certificate against the client roots.
        if (context.Connection.ClientCertificate is { } certificate)
        {
            string name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
            context.Features.Set(new Caller(name.Length > 0 ? name : certificate.Thumbprint, CallerLimits.None));
        }

        return next(context);
    }

    private static string? Presented(IHeaderDictionary headers)
    {
        // Two values are no key: a proxy and a client would read them differently.
        StringValues authorization = headers.Authorization;
        if (authorization.Count > 0)
        {
            return authorization.Count == 1 && authorization[0] is { } value && value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
                ? value[Scheme.Length..].Trim()
                : null;
        }

        StringValues apiKey = headers["x-api-key"];
        return apiKey.Count == 1 ? apiKey[0] : null;
    }

    private Task RefuseAsync(HttpContext context, StatusCode status, string message)
    {
        Log.CallRefused(logger, status.ToString());
        metrics.CallRefused(NameOf(context), status.ToString());
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true)
        {
            // Trailers-only: the status stands in the headers, no message follows.
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = ((int)status).ToString(CultureInfo.InvariantCulture);
            context.Response.Headers["grpc-message"] = Uri.EscapeDataString(message);
            return Task.CompletedTask;
        }

        bool unknown = status == StatusCode.Unauthenticated;
        context.Response.StatusCode = unknown ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden;
        if (unknown)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        context.Response.ContentType = "application/json";
        string? code = unknown ? "invalid_api_key" : null;
        var error = new { message, type = "invalid_request_error", param = (string?)null, code };
        return context.Response.WriteAsync(JsonSerializer.Serialize(new { error }));
    }
}
