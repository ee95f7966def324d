using Grpc.Core;
using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Maps every failure to a status. Details give fields, values and limits, never request text or a stack trace.</summary>
internal static class RpcErrors
{
    /// <summary>A request's value is wrong.</summary>
    public static RpcException Invalid(string message) => Status(StatusCode.InvalidArgument, message);

    /// <summary>There is no room for the call.</summary>
    public static RpcException Exhausted(string message) => Status(StatusCode.ResourceExhausted, message);

    /// <summary>The service does not accept calls in its current phase.</summary>
    public static RpcException NotServing(ServicePhase phase) => Status(StatusCode.Unavailable, phase == ServicePhase.Starting
        ? "the service is loading its models; try again when health says SERVING."
        : "the service is draining and takes no new calls; try another instance, or again later.");

    /// <summary>The status of any exception that a handler can throw.</summary>
    /// <param name="exception">What was thrown.</param>
    /// <param name="cancelled">Whether the caller went away or the deadline passed.</param>
    /// <param name="pastDeadline">Whether the deadline passed.</param>
    /// <param name="reference">Identifies the log line of an internal failure for operators.</param>
    public static RpcException From(Exception exception, bool cancelled, bool pastDeadline, string reference) => exception switch
    {
        RpcException rpc => rpc,
        RequestFault fault => Status(CodeOf(fault.Kind), fault.Message),
        CheckpointException => Status(StatusCode.FailedPrecondition, exception.Message),
        ClientLimitException or SlowReaderException => Status(StatusCode.ResourceExhausted, exception.Message),
        OperationCanceledException when pastDeadline => Status(StatusCode.DeadlineExceeded, "the deadline passed; the call's work was given up."),
        OperationCanceledException when cancelled => Status(StatusCode.Cancelled, "the caller cancelled; the call's work was given up."),
        OperationCanceledException => Status(StatusCode.Unavailable, "the time for draining is over; the call was ended unfinished. Try another instance."),
        _ when pastDeadline => Status(StatusCode.DeadlineExceeded, "the deadline passed; the call's work was given up."),
        _ when cancelled => Status(StatusCode.Cancelled, "the caller went away."),
        _ => Status(StatusCode.Internal, $"the service failed; its log names the cause under reference {reference}."),
    };

    /// <summary>Whether an exception is the service's own failure, which it logs even if the caller has gone.</summary>
    public static bool IsInternal(Exception exception) => From(exception, cancelled: false, pastDeadline: false, "").StatusCode == StatusCode.Internal;

    private static StatusCode CodeOf(FaultKind kind) => kind switch
    {
        FaultKind.NotFound => StatusCode.NotFound,
        FaultKind.Unsupported => StatusCode.Unimplemented,
        FaultKind.ModelUnusable => StatusCode.FailedPrecondition,
        FaultKind.Busy => StatusCode.ResourceExhausted,
        FaultKind.Unavailable => StatusCode.Unavailable,
        _ => StatusCode.InvalidArgument,
    };

    private static RpcException Status(StatusCode code, string message) => new(new Status(code, message));
}
