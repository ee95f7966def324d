using System.Globalization;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Adds the cause to gRPC requests that fail before an interceptor runs; Grpc.AspNetCore gives neither limit nor fault.</summary>
internal sealed class ReadFaults(RequestDelegate next, ServiceOptions options, ServiceMetrics metrics)
{
    /// <summary>Detail of INVALID_ARGUMENT where the bytes are not a message.</summary>
    public const string NoMessage = "the message is not of the method's type: it is damaged, of another type, or holds text that is not UTF-8. "
        + "Use one version of the protocol on both sides.";

    public async Task InvokeAsync(HttpContext http)
    {
        await next(http);
        if (http.GetEndpoint()?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method is not { } method || http.Features.Get<MessageRead>() is not null)
        {
            return;
        }

        // Without a reply the headers carry the status, and they are not sent yet.
        var headers = http.Response.HasStarted ? http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers : http.Response.Headers;
        if (headers is not { IsReadOnly: false } || !Enum.TryParse<StatusCode>(headers["grpc-status"], out var status))
        {
            return;
        }

        Status? cause = (http.Features.Get<Refusal>()?.Status, status) switch
        {
            ({ } refused, _) => refused,
            (_, StatusCode.ResourceExhausted) => new Status(status, $"the message has more than {options.MaxRequestBytes} bytes, as sent or "
                + "decompressed: the limit of one request (Service:MaxRequestBytes). Send several calls."),
            (_, StatusCode.Unknown) => new Status(StatusCode.InvalidArgument, NoMessage),
            _ => null,
        };
        if (cause is { } known)
        {
            headers["grpc-status"] = ((int)known.StatusCode).ToString(CultureInfo.InvariantCulture);
            headers["grpc-message"] = Uri.EscapeDataString(known.Detail);
            metrics.CallRefused(method.FullName, known.StatusCode.ToString());
        }
    }
}

/// <summary>Marks a request that has reached an interceptor, so its message was read.</summary>
internal sealed class MessageRead
{
    /// <summary>The only instance.</summary>
    public static readonly MessageRead Instance = new();
}
