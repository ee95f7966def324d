using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Rudder.Engine;
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
        var error = ApiErrors.From(new Status(status, "n is 0."));

        Assert.Equal((http, status, type, code, "n is 0."), (error.Http, error.Status, error.Type, error.Code, error.Message));
    }

    [Theory]
    [InlineData("settings.max_new_tokens", true, "max_tokens", "max_tokens")]
    [InlineData("settings.top_p", true, "top_p", "top_p")]
    [InlineData("settings.stop_strings[2]", true, "stop[2]", "stop")]
    [InlineData("settings.stop_strings", true, "stop", "stop")]
    [InlineData("top_logprobs", true, "logprobs", "logprobs")]
    [InlineData("prompts", true, "prompt", "prompt")]
    [InlineData("prompts[0].text", true, "prompt", "prompt")]
    [InlineData("prompts[0].ids[3]", true, "prompt[3]", "prompt")]
    [InlineData("prompts[2].ids[3]", false, "prompt[2][3]", "prompt")]
    [InlineData("model", true, "model", "model")]
    public void From_FaultOfAField_NamesThisInterfacesParameter(string field, bool hasOnePrompt, string name, string param)
    {
        var fault = new RequestFault(field, "is 9", "it takes 1 to 5", "Ask for fewer.");

        var error = ApiErrors.From(fault, cancelled: false, hasOnePrompt, "r-1");

        Assert.Equal((400, param, $"{name} is 9; it takes 1 to 5. Ask for fewer."), (error.Http, error.Param, error.Message));
    }

    [Fact]
    public void From_FaultWithoutAField_HasNoParameter() =>
        Assert.Null(ApiErrors.From(EngineFaults.QueueFull(3, 2, 4), cancelled: false, hasOnePrompt: true, "r-1").Param);

    [Fact]
    public void From_FailedReadOfAFile_IsTheServicesOwnFailure()
    {
        var failure = new IOException("the disk is gone");

        Assert.Equal(500, ApiErrors.From(failure, cancelled: false, hasOnePrompt: true, "r-1").Http);
        Assert.True(ApiErrors.IsInternal(failure, cancelled: false));
        Assert.False(ApiErrors.IsInternal(failure, cancelled: true));                          // writing to a caller that has gone
        Assert.True(ApiErrors.IsInternal(new InvalidOperationException(), cancelled: true));
    }

    [Fact]
    public void From_BrokenConnection_IsTheCallersEnd()
    {
        var failure = new ConnectionResetException("reset");

        Assert.Equal(499, ApiErrors.From(failure, cancelled: false, hasOnePrompt: true, "r-1").Http);
        Assert.False(ApiErrors.IsInternal(failure, cancelled: false));
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
