using Rudder.Engine;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>Counts calls refused or cancelled at a capacity limit, by reason and model.</summary>
internal sealed class Rejections(ServiceMetrics metrics)
{
    /// <summary>Counts a failed call if it failed at a capacity limit after it reached a model.</summary>
    /// <param name="exception">The call's failure.</param>
    /// <param name="model">The loaded model it used; null if it reached none.</param>
    public void Count(Exception exception, string? model)
    {
        string? reason = exception switch
        {
            RequestFault { Kind: FaultKind.Busy } => "queue_full",
            ClientLimitException => "client_limit",
            SlowReaderException => "slow_reader",
            RequestFault { Kind: FaultKind.Unavailable } => "draining",
            _ => null,
        };
        if (model is not null && reason is not null)
        {
            metrics.Rejected(model, reason);
        }
    }
}
