using Grpc.Core;
using Rudder.InferenceService.Grpc;

namespace Rudder.InferenceService.Http;

/// <summary>Maps every failure to an error of the HTTP face, by way of the gRPC statuses, so that both faces refuse alike.</summary>
internal static class OpenAiErrors
{
    /// <summary>Type of errors that the caller can mend.</summary>
    public const string InvalidRequest = "invalid_request_error";

    private const string ServerError = "server_error";

    /// <summary>The error of any exception a call can throw.</summary>
    /// <param name="exception">What was thrown.</param>
    /// <param name="cancelled">Whether the caller went away.</param>
    /// <param name="hasOnePrompt">Whether the request gave its prompt outside a list.</param>
    /// <param name="reference">What an operator finds an internal failure's log line by.</param>
    public static OpenAiError From(Exception exception, bool cancelled, bool hasOnePrompt, string reference) => exception switch
    {
        OpenAiException known => known.Error,
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            new(StatusCodes.Status413PayloadTooLarge, StatusCode.ResourceExhausted, InvalidRequest, null, null,
                "the body is larger than this service takes (Service:MaxRequestBytes). Send several calls."),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } =>
            new(StatusCodes.Status408RequestTimeout, StatusCode.DeadlineExceeded, InvalidRequest, null, null,
                $"the body came too slowly: after its first {Listening.BodyGraceSeconds} s it must come at {Listening.BodyBytesPerSecond} bytes a second on "
                + "average. Send it in one piece, or over a better connection."),
        BadHttpRequestException fault =>
            new(fault.StatusCode, StatusCode.InvalidArgument, InvalidRequest, null, null, "the body did not arrive as its headers announced it."),
        _ => From(RpcErrors.From(exception, cancelled, pastDeadline: false, reference).Status, hasOnePrompt),
    };

    /// <summary>Whether what was thrown is the service's own failure and belongs in its log.</summary>
    public static bool IsInternal(Exception exception) =>
        exception is not (OpenAiException or BadHttpRequestException) && RpcErrors.IsInternal(exception);

    /// <summary>The error of a gRPC status.</summary>
    /// <param name="status">The status.</param>
    /// <param name="hasOnePrompt">Whether the request gave its prompt outside a list.</param>
    public static OpenAiError From(Status status, bool hasOnePrompt)
    {
        var (http, type, code) = status.StatusCode switch
        {
            StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.OutOfRange =>
                (StatusCodes.Status400BadRequest, InvalidRequest, (string?)null),
            StatusCode.Unimplemented => (StatusCodes.Status400BadRequest, InvalidRequest, "unsupported_by_engine"),
            StatusCode.Unauthenticated => (StatusCodes.Status401Unauthorized, InvalidRequest, "invalid_api_key"),
            StatusCode.PermissionDenied => (StatusCodes.Status403Forbidden, InvalidRequest, "permission_denied"),
            StatusCode.NotFound => (StatusCodes.Status404NotFound, InvalidRequest, "model_not_found"),
            StatusCode.ResourceExhausted => (StatusCodes.Status429TooManyRequests, "rate_limit_error", "rate_limit_exceeded"),
            StatusCode.Cancelled => (StatusCodes.Status499ClientClosedRequest, InvalidRequest, "cancelled"),
            StatusCode.Unavailable => (StatusCodes.Status503ServiceUnavailable, ServerError, "unavailable"),
            StatusCode.DeadlineExceeded => (StatusCodes.Status504GatewayTimeout, ServerError, "deadline_exceeded"),
            _ => (StatusCodes.Status500InternalServerError, ServerError, (string?)null),
        };
        string message = FieldNames.Translate(status.Detail, hasOnePrompt);
        string? param = type == InvalidRequest ? FieldNames.FirstIn(message) : null;
        return new OpenAiError(http, status.StatusCode, type, code, param, message);
    }
}
