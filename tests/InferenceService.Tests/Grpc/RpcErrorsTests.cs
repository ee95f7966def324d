using Grpc.Core;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Security;

namespace Rudder.InferenceService.Tests.Grpc;

public sealed class RpcErrorsTests
{
    [Theory]
    [InlineData(true, true, StatusCode.DeadlineExceeded)]
    [InlineData(true, false, StatusCode.Cancelled)]
    [InlineData(false, false, StatusCode.Internal)]
    public void From_FailureOfTheService_TellsHowTheCallEndedAndStaysInternal(bool cancelled, bool pastDeadline, StatusCode status)
    {
        var failure = new InvalidOperationException();

        Assert.Equal(status, RpcErrors.From(failure, cancelled, pastDeadline, "r").StatusCode);
        Assert.True(RpcErrors.IsInternal(failure));
        Assert.False(RpcErrors.IsInternal(new OperationCanceledException()));
    }

    [Theory]
    [InlineData(true, true, StatusCode.DeadlineExceeded)]
    [InlineData(true, false, StatusCode.Cancelled)]
    [InlineData(false, false, StatusCode.Unavailable)]
    public void From_WorkGivenUp_TellsWhoEndedIt(bool cancelled, bool pastDeadline, StatusCode status) =>
        Assert.Equal(status, RpcErrors.From(new OperationCanceledException(), cancelled, pastDeadline, "r").StatusCode);

    [Fact]
    public void From_CallerBeyondItsShare_IsResourceExhaustedInItsOwnWords()
    {
        Exception[] failures = [new ClientLimitException("the limit"), new SlowReaderException(3), EngineFaults.QueueFull(1, 1, 1)];

        Assert.All(failures, failure =>
        {
            var status = RpcErrors.From(failure, cancelled: false, pastDeadline: false, "r").Status;
            Assert.Equal((StatusCode.ResourceExhausted, failure.Message), (status.StatusCode, status.Detail));
            Assert.False(RpcErrors.IsInternal(failure));
        });
    }
}
