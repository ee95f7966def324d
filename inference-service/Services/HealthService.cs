using Grpc.Core;
using Grpc.Health.V1;
using Rudder.InferenceService.Lifetime;

namespace Rudder.InferenceService.Services;

/// <summary>The standard health protocol: SERVING while every model of the settings is warm and the service is not draining.</summary>
internal sealed class HealthService(ServiceState state) : Health.HealthBase
{
    private static readonly HashSet<string> Services =
    [
        "",
        Inference.V1.Sampling.Descriptor.FullName,
        Inference.V1.Scoring.Descriptor.FullName,
        Inference.V1.Models.Descriptor.FullName,
    ];

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        Services.Contains(request.Service)
            ? Task.FromResult(Response(StatusOf(state.Current.Phase)))
            : throw RpcErrors.NotFound($"service is none of this server's; it has {string.Join(", ", Services.Where(name => name.Length > 0))}.");

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        bool known = Services.Contains(request.Service);
        HealthCheckResponse.Types.ServingStatus? told = null;
        while (true)
        {
            var (phase, changed) = state.Current;
            var status = known ? StatusOf(phase) : HealthCheckResponse.Types.ServingStatus.ServiceUnknown;
            if (status != told)
            {
                await responseStream.WriteAsync(Response(status), context.CancellationToken);
                told = status;
            }

            if (phase == ServicePhase.Draining)
            {
                // The last word; an open watch would hold up the shutdown.
                return;
            }

            await changed.WaitAsync(context.CancellationToken);
        }
    }

    private static HealthCheckResponse.Types.ServingStatus StatusOf(ServicePhase phase) => phase == ServicePhase.Serving
        ? HealthCheckResponse.Types.ServingStatus.Serving
        : HealthCheckResponse.Types.ServingStatus.NotServing;

    private static HealthCheckResponse Response(HealthCheckResponse.Types.ServingStatus status) => new() { Status = status };
}
