using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Http;

/// <summary>A failure in OpenAI's form.</summary>
/// <param name="Http">HTTP status.</param>
/// <param name="Status">gRPC status of the same failure, for logs and metrics.</param>
/// <param name="Type">Class of the failure, for example <c>invalid_request_error</c>.</param>
/// <param name="Code">Machine-readable code; null if the status is enough.</param>
/// <param name="Param">The wrong parameter; null if there is none.</param>
/// <param name="Message">What, which value, the limit and the remedy.</param>
internal sealed record ApiError(int Http, StatusCode Status, string Type, string? Code, string? Param, string Message)
{
    /// <summary>Type of errors that the caller can fix.</summary>
    public const string InvalidRequest = "invalid_request_error";

    /// <summary>The body of the reply.</summary>
    public object Body => new { Error = new { Message, Type, Param, Code } };

    /// <summary>Sends the error as the reply.</summary>
    public Task SendAsync(HttpContext http)
    {
        http.Response.StatusCode = Http;
        http.Response.Headers["x-request-id"] = http.TraceIdentifier;
        return http.Response.WriteAsJsonAsync(Body, ReplyJson.Options, "application/json", http.RequestAborted);
    }
}

/// <summary>Ends a call of the HTTP face with an error.</summary>
internal sealed class ApiException(ApiError error) : Exception(error.Message)
{
    /// <summary>The error.</summary>
    public ApiError Error { get; } = error;

    /// <summary>400: a parameter is wrong, or the whole body where <paramref name="param"/> is null.</summary>
    public static ApiException Invalid(string? param, string message) =>
        new(new ApiError(StatusCodes.Status400BadRequest, StatusCode.InvalidArgument, ApiError.InvalidRequest, null, param, message));

    /// <summary>The HTTP request is invalid.</summary>
    public static ApiException Protocol(int http, StatusCode status, string message) =>
        new(new ApiError(http, status, ApiError.InvalidRequest, null, null, message));
}

/// <summary>Maps failures to HTTP errors through their gRPC status, so that both faces refuse the same calls.</summary>
internal static class ApiErrors
{
    private const string ServerError = "server_error";

    private static readonly Dictionary<string, string> ChatParameters = new(StringComparer.Ordinal)
    {
        ["prompts"] = "messages",
        ["top_logprobs"] = "top_logprobs",
        ["settings.max_new_tokens"] = "max_completion_tokens",
    };

    private static readonly Dictionary<string, string> Parameters = new(StringComparer.Ordinal)
    {
        ["prompts"] = "prompt",
        ["texts"] = "prompt",
        ["sequences"] = "tokens",
        ["inputs"] = "input",
        ["top_logprobs"] = "logprobs",
        ["settings.max_new_tokens"] = "max_tokens",
        ["settings.stop_strings"] = "stop",
        ["settings.temperature"] = "temperature",
        ["settings.top_k"] = "top_k",
        ["settings.top_p"] = "top_p",
        ["settings.min_p"] = "min_p",
    };

    /// <summary>The error of any exception that a call can throw.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="cancelled">Whether the caller went away.</param>
    /// <param name="hasOnePrompt">Whether the request gave its prompt outside a list.</param>
    /// <param name="reference">Identifies the log line of an internal failure for operators.</param>
    /// <param name="isChat">Whether the request has messages instead of prompts.</param>
    public static ApiError From(Exception exception, bool cancelled, bool hasOnePrompt, string reference, bool isChat = false) => exception switch
    {
        ApiException known => known.Error,
        BadHttpRequestException fault => From(fault),
        ConnectionResetException or ConnectionAbortedException => From(new Status(StatusCode.Cancelled, "the connection broke.")),
        RequestFault fault => From(fault, hasOnePrompt, isChat),
        _ => From(RpcErrors.From(exception, cancelled, pastDeadline: false, reference).Status),
    };

    /// <summary>Whether an exception is the service's own failure, which it logs.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="cancelled">Whether the caller went away: a failed read or write is then its end.</param>
    public static bool IsInternal(Exception exception, bool cancelled) =>
        exception is not (ApiException or BadHttpRequestException or ConnectionResetException)
        && !(cancelled && exception is IOException)
        && RpcErrors.IsInternal(exception);

    /// <summary>The error of a gRPC status.</summary>
    public static ApiError From(Status status)
    {
        var (http, type, code) = status.StatusCode switch
        {
            StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.OutOfRange =>
                (StatusCodes.Status400BadRequest, ApiError.InvalidRequest, (string?)null),
            StatusCode.Unimplemented => (StatusCodes.Status400BadRequest, ApiError.InvalidRequest, "unsupported_by_engine"),
            StatusCode.Unauthenticated => (StatusCodes.Status401Unauthorized, ApiError.InvalidRequest, "invalid_api_key"),
            StatusCode.PermissionDenied => (StatusCodes.Status403Forbidden, ApiError.InvalidRequest, "permission_denied"),
            StatusCode.NotFound => (StatusCodes.Status404NotFound, ApiError.InvalidRequest, "model_not_found"),
            StatusCode.ResourceExhausted => (StatusCodes.Status429TooManyRequests, "rate_limit_error", "rate_limit_exceeded"),
            StatusCode.Cancelled => (StatusCodes.Status499ClientClosedRequest, ApiError.InvalidRequest, "cancelled"),
            StatusCode.Unavailable => (StatusCodes.Status503ServiceUnavailable, ServerError, "unavailable"),
            StatusCode.DeadlineExceeded => (StatusCodes.Status504GatewayTimeout, ServerError, "deadline_exceeded"),
            _ => (StatusCodes.Status500InternalServerError, ServerError, (string?)null),
        };
        return new ApiError(http, status.StatusCode, type, code, null, status.Detail);
    }

    private static ApiError From(RequestFault fault, bool hasOnePrompt, bool isChat)
    {
        string name = Parameter(fault.Field, hasOnePrompt, isChat);
        var error = From(RpcErrors.From(fault, cancelled: false, pastDeadline: false, "").Status);
        string? param = error.Type == ApiError.InvalidRequest && name.Length > 0 ? name.Split('[')[0] : null;
        return error with { Param = param, Message = fault.Describe(name) };
    }

    /// <summary>
    /// This face's name of an engine field: <c>settings.max_new_tokens</c> is <c>max_tokens</c>, <c>prompts[2].ids[3]</c> is
    /// <c>prompt[2][3]</c>.
    /// </summary>
    internal static string Parameter(string field, bool hasOnePrompt, bool isChat = false)
    {
        int at = field.IndexOf('[', StringComparison.Ordinal);
        string head = at < 0 ? field : field[..at];
        string place = at < 0 ? "" : field[at..].Replace(".text", "", StringComparison.Ordinal).Replace(".ids", "", StringComparison.Ordinal);
        if (isChat && ChatParameters.TryGetValue(head, out string? name))
        {
            return name;
        }

        bool dropsPrompt = place.Length > 0 && (head is "texts" or "sequences" || (head == "prompts" && hasOnePrompt));
        return Parameters.GetValueOrDefault(head, head) + (dropsPrompt ? place[(place.IndexOf(']', StringComparison.Ordinal) + 1)..] : place);
    }

    /// <summary>Sets the retry headers that OpenAI's clients follow.</summary>
    public static void SetRetry(IHeaderDictionary headers, ApiError error, Exception exception)
    {
        var limit = exception as ClientLimitException;
        if (limit is { NeverPasses: true })
        {
            headers["x-should-retry"] = "false";             // otherwise clients retry every 429
        }
        else if (error.Http is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            long seconds = (long)Math.Ceiling(limit?.RetryAfter?.TotalSeconds ?? 1);
            headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }
    }

    private static ApiError From(BadHttpRequestException fault) => ApiException.Protocol(
        fault.StatusCode,
        fault.StatusCode switch
        {
            StatusCodes.Status413PayloadTooLarge => StatusCode.ResourceExhausted,
            StatusCodes.Status408RequestTimeout => StatusCode.DeadlineExceeded,
            _ => StatusCode.InvalidArgument,
        },
        fault.StatusCode switch
        {
            StatusCodes.Status413PayloadTooLarge => $"{fault.Message} Service:MaxRequestBytes sets the limit. Send several calls.",
            StatusCodes.Status408RequestTimeout =>
                $"the body came too slowly: after its first {Listening.BodyGraceSeconds} s it must come at {Listening.BodyBytesPerSecond} bytes a second on average.",
            _ => "the body does not match its headers.",
        }).Error;
}
