using Grpc.Core;
using Rudder.InferenceService.Http;

namespace Rudder.InferenceService.Tests.Http;

public sealed class ApiErrorsTests
{
    [Theory]
    [InlineData(StatusCode.InvalidArgument, 400, "invalid_request_error", null)]
    [InlineData(StatusCode.FailedPrecondition, 400, "invalid_request_error", null)]
    [InlineData(StatusCode.Unimplemented, 400, "invalid_request_error", "unsupported_by_engine")]
    [InlineData(StatusCode.Unauthenticated, 401, "invalid_request_error", "invalid_api_key")]
    [InlineData(StatusCode.PermissionDenied, 403, "invalid_request_error", "permission_denied")]
    [InlineData(StatusCode.NotFound, 404, "invalid_request_error", "model_not_found")]
    [InlineData(StatusCode.ResourceExhausted, 429, "rate_limit_error", "rate_limit_exceeded")]
    [InlineData(StatusCode.Cancelled, 499, "invalid_request_error", "cancelled")]
    [InlineData(StatusCode.Internal, 500, "server_error", null)]
    [InlineData(StatusCode.Unavailable, 503, "server_error", "unavailable")]
    [InlineData(StatusCode.DeadlineExceeded, 504, "server_error", "deadline_exceeded")]
    public void From_EachStatus_HasItsHttpStatusTypeAndCode(StatusCode status, int http, string type, string? code)
    {
        var error = ApiErrors.From(new Status(status, "n is 0."), hasOnePrompt: true);

        Assert.Equal((http, status, type, code, "n is 0."), (error.Http, error.Status, error.Type, error.Code, error.Message));
        Assert.Equal(type == "invalid_request_error" ? "n" : null, error.Param);
    }

    [Fact]
    public void From_UnknownFailure_NamesItsReferenceOnly()
    {
        var error = ApiErrors.From(new InvalidOperationException("secret"), cancelled: false, hasOnePrompt: true, "r-1");

        Assert.Equal(500, error.Http);
        Assert.Contains("r-1", error.Message);
        Assert.DoesNotContain("secret", error.Message);
    }
}
