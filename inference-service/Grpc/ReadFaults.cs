using System.Globalization;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Adds the cause to gRPC requests that fail before an interceptor runs; Grpc.AspNetCore gives neither limit nor fault.</summary>
/// <param name="next">What serves the request.</param>
/// <param name="options">Sets the message size limit.</param>
/// <param name="metrics">Counts these calls, which reach no handler.</param>
internal sealed class ReadFaults(RequestDelegate next, ServiceOptions options, ServiceMetrics metrics)
{
    /// <summary>Detail of INVALID_ARGUMENT where the bytes are not a message.</summary>
    public const string NoMessage = "the message is not of the method's type: it is damaged, of another type, or holds text that is not UTF-8. "
        + "Use one version of the protocol on both sides.";

    /// <summary>Serves a request.</summary>
    /// <param name="http">The request.</param>
    public async Task InvokeAsync(HttpContext http)
    {
        await next(http);
        if (http.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method is not { } method || http.Features.Get<MessageRead>() is not null)
        {
            return;
        }

        // Without a reply the headers carry the status, and they are not sent yet.
        var headers = http.Response.HasStarted ? http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : http.Response.Headers;
        const string Setting = "Service:";                   // the service's own limits name their setting already
        if (headers is not { IsReadOnly: false } || headers["grpc-message"].ToString().Contains(Setting, StringComparison.Ordinal)
            || !Enum.TryParse<StatusCode>(headers["grpc-status"], out var status))
        {
            return;
        }

        (status, string? message) = status switch
        {
            StatusCode.ResourceExhausted => (status, $"the message has more than {options.MaxRequestBytes} bytes, the limit of one request "
                + "(Service:MaxRequestBytes). Send several calls."),
            StatusCode.Unknown => (StatusCode.InvalidArgument, NoMessage),
            _ => (status, null),
        };
        if (message is not null)
        {
            headers["grpc-status"] = ((int)status).ToString(CultureInfo.InvariantCulture);
            headers["grpc-message"] = Uri.EscapeDataString(message);
            metrics.CallRefused(method.FullName, status.ToString());
        }
    }
}

/// <summary>Marks a request that has reached an interceptor, so its message was read.</summary>
internal sealed class MessageRead
{
    /// <summary>The only instance.</summary>
    public static readonly MessageRead Instance = new();
}
