using Rudder.Engine;
using Rudder.Engine.Telemetry;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Counts the calls that were refused, or given up, for want of room: what their exception says, by the model they came to.</summary>
internal sealed class Rejections(EngineMetrics metrics)
{
    /// <summary>Counts a failed call, where it failed for want of room and after it came to a model.</summary>
    /// <param name="exception">What the call failed with.</param>
    /// <param name="model">The loaded model it named; null where it came to none.</param>
    public void Count(Exception exception, string? model)
    {
        if (model is not null && ReasonOf(exception) is { } reason)
        {
            // Two attributes travel on the stack: a service that refuses much allocates nothing for it, and keeps nothing of the model.
            metrics.Rejections.Add(
                1,
                KeyValuePair.Create<string, object?>(GenAi.RequestModel, model),
                KeyValuePair.Create<string, object?>("reason", reason));
        }
    }

    private static string? ReasonOf(Exception exception) => exception switch
    {
        RequestFault { Kind: FaultKind.Busy } => RejectionReason.QueueFull,
        ClientLimitException => RejectionReason.ClientLimit,
        SlowReaderException => RejectionReason.SlowReader,
        RequestFault { Kind: FaultKind.Unavailable } => RejectionReason.Draining,
        _ => null,
    };
}
