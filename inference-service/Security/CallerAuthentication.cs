using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using System.Text.Encodings.Web;
using Grpc.Core;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Security;

/// <summary>Authenticates every call on both faces: by API key where keys are configured, else by client certificate or address.</summary>
internal sealed class CallerAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, SecurityFiles files, ServiceMetrics metrics)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>Name of the authentication scheme.</summary>
    public const string SchemeName = "Bearer";

    private const string NoKey = "the call has no API key; send it as 'authorization: Bearer KEY' or 'x-api-key: KEY'.";
    private const string WrongKey = "the service does not know this API key; ask its operator for one.";
    private const string NoAdmin = "loading and unloading models needs an admin's API key; ask the service's operator.";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (files.Keys is null)
        {
            return Task.FromResult(Success(new Caller(NameOf(Context.Connection))));
        }

        return Task.FromResult(
            Presented(Request.Headers) is not { } presented ? AuthenticateResult.NoResult()
            : files.Keys.Current.Find(presented) is { } key ? Success(new Caller(key.Name, key))
            : AuthenticateResult.Fail(WrongKey));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var result = await HandleAuthenticateOnceSafeAsync();
        Response.Headers.WWWAuthenticate = SchemeName;
        await RefuseAsync(StatusCode.Unauthenticated, result.None ? NoKey : WrongKey);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => RefuseAsync(StatusCode.PermissionDenied, NoAdmin);

    private AuthenticateResult Success(Caller caller) => AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(caller), SchemeName));

    private static string NameOf(ConnectionInfo connection)
    {
        // The TLS handshake has checked the certificate against the client roots.
        if (connection.ClientCertificate is not { } certificate)
        {
            return Caller.AddressOf(connection.RemoteIpAddress);
        }

        string name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        return name.Length > 0 ? name : certificate.Thumbprint;
    }

    private static string? Presented(IHeaderDictionary headers)
    {
        const string prefix = SchemeName + " ";

        // Two values are refused, because a proxy and a client could interpret them differently.
        if (headers.Authorization.Count > 0)
        {
            return headers.Authorization is [{ } value] && value.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? value[prefix.Length..].Trim() : null;
        }

        return headers["x-api-key"] is [{ } key] ? key : null;
    }

    private Task RefuseAsync(StatusCode status, string message)
    {
        metrics.CallRefused(EndpointNames.Of(Context.GetEndpoint()), status.ToString());
        if (Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true)
        {
            // Trailers-only: the headers carry the status and no message follows.
            Response.ContentType = "application/grpc";
            Response.Headers["grpc-status"] = ((int)status).ToString(CultureInfo.InvariantCulture);
            Response.Headers["grpc-message"] = Uri.EscapeDataString(message);
        }
        else
        {
            Response.StatusCode = status == StatusCode.Unauthenticated ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden;
            Context.Features.Set(new Refusal(new Status(status, message)));
        }

        return Task.CompletedTask;
    }
}

/// <summary>Why a request was refused before a handler ran. The face that it came through writes the reply.</summary>
internal sealed record Refusal(Status Status);

/// <summary>Puts authentication and authorization into the service.</summary>
internal static class SecurityRegistration
{
    /// <summary>Registers the files, the handler, and two policies: any caller (the default), and <see cref="Caller.Admin"/>.</summary>
    public static void AddSecurity(this IServiceCollection services, SecurityFiles files)
    {
        services.AddSingleton(files).AddSingleton<FileReloads>().AddSingleton<ClientBudgets>().AddSingleton<BodyBudget>().AddSingleton<ReplyBudget>();
        services.AddHostedService(provider => provider.GetRequiredService<FileReloads>());

        // Not AddAuthentication: that adds data protection, which writes keys into the user's folder.
        services.AddAuthenticationCore(authentication => authentication.DefaultScheme = CallerAuthentication.SchemeName).AddSingleton(UrlEncoder.Default);
        new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions, CallerAuthentication>(CallerAuthentication.SchemeName, _ => { });
        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build())
            .AddPolicy(Caller.Admin, policy => policy.RequireRole(Caller.Admin));

        // The framework logs each refusal at Information, so any stranger could fill the log.
        services.Configure<LoggerFilterOptions>(filter => filter.AddFilter(typeof(CallerAuthentication).FullName, LogLevel.Warning));
    }
}
