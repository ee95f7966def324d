using Rudder.Engine;
using Rudder.Engine.Telemetry;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Counts calls refused or cancelled at a capacity limit, by reason and model.</summary>
internal sealed class Rejections(EngineMetrics metrics)
{
    /// <summary>Counts a failed call if it failed at a capacity limit after it reached a model.</summary>
    /// <param name="exception">The call's failure.</param>
    /// <param name="model">The loaded model it used; null if it reached none.</param>
    public void Count(Exception exception, string? model)
    {
        if (model is not null && ReasonOf(exception) is { } reason)
        {
            // Two attributes fit on the stack, so a refusal allocates nothing and keeps no reference to the model.
            metrics.Of(model).Rejections.Add(
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
