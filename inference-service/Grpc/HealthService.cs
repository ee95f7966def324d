using Grpc.Core;
using Grpc.Health.V1;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Grpc;

/// <summary>The standard health protocol: SERVING while every model of the settings is warm and the service is not draining.</summary>
internal sealed class HealthService(ServiceState state, ServiceOptions options) : Health.HealthBase
{
    private static readonly HashSet<string> Services =
    [
        "",
        Inference.V1.Sampling.Descriptor.FullName,
        Inference.V1.Scoring.Descriptor.FullName,
        Inference.V1.Models.Descriptor.FullName,
    ];

    private int _watches;

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        Services.Contains(request.Service)
            ? Task.FromResult(Response(StatusOf(state.Current.Phase)))
            : throw RpcErrors.NotFound($"service is none of this server's; it has {string.Join(", ", Services.Where(name => name.Length > 0))}.");

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        // Nobody needs a key to watch, so anybody could open streams without end.
        int watches = Interlocked.Increment(ref _watches);
        try
        {
            if (watches > options.MaxHealthWatches)
            {
                throw RpcErrors.Exhausted(
                    $"{options.MaxHealthWatches} Watch streams are open, all that Service:MaxHealthWatches allows. Use Check, or try again later.");
            }

            await TellChangesAsync(request, responseStream, context.CancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _watches);
        }
    }

    private async Task TellChangesAsync(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, CancellationToken cancellation)
    {
        bool known = Services.Contains(request.Service);
        HealthCheckResponse.Types.ServingStatus? told = null;
        while (true)
        {
            var (phase, changed) = state.Current;
            var status = known ? StatusOf(phase) : HealthCheckResponse.Types.ServingStatus.ServiceUnknown;
            if (status != told)
            {
                await responseStream.WriteAsync(Response(status), cancellation);
                told = status;
            }

            if (phase == ServicePhase.Draining)
            {
                // The last word; an open watch would hold up the shutdown.
                return;
            }

            await changed.WaitAsync(cancellation);
        }
    }

    private static HealthCheckResponse.Types.ServingStatus StatusOf(ServicePhase phase) => phase == ServicePhase.Serving
        ? HealthCheckResponse.Types.ServingStatus.Serving
        : HealthCheckResponse.Types.ServingStatus.NotServing;

    private static HealthCheckResponse Response(HealthCheckResponse.Types.ServingStatus status) => new() { Status = status };
}
