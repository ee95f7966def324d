using Grpc.Core;

namespace Rudder.InferenceService.Http;

/// <summary>A failure in the terms of the HTTP face.</summary>
/// <param name="Http">HTTP status.</param>
/// <param name="Status">The same failure's gRPC status, for logs and metrics.</param>
/// <param name="Type">Class of the failure, e.g. <c>invalid_request_error</c>.</param>
/// <param name="Code">What a program can tell it by; null where the status says it all.</param>
/// <param name="Param">The parameter at fault; null where it is none or not known.</param>
/// <param name="Message">What, which value, the limit and the remedy.</param>
internal sealed record OpenAiError(int Http, StatusCode Status, string Type, string? Code, string? Param, string Message);

/// <summary>Ends a call of the HTTP face with an error.</summary>
internal sealed class OpenAiException(OpenAiError error) : Exception(error.Message)
{
    /// <summary>The error.</summary>
    public OpenAiError Error { get; } = error;

    /// <summary>A parameter is wrong: 400.</summary>
    /// <param name="param">The parameter; null where the body as a whole is at fault.</param>
    /// <param name="message">What, which value, the limit and the remedy.</param>
    public static OpenAiException Invalid(string? param, string message) =>
        new(new OpenAiError(StatusCodes.Status400BadRequest, StatusCode.InvalidArgument, OpenAiErrors.InvalidRequest, null, param, message));

    /// <summary>The request is wrong as HTTP.</summary>
    /// <param name="http">HTTP status.</param>
    /// <param name="status">gRPC status.</param>
    /// <param name="message">What and the remedy.</param>
    public static OpenAiException Protocol(int http, StatusCode status, string message) =>
        new(new OpenAiError(http, status, OpenAiErrors.InvalidRequest, null, null, message));
}
