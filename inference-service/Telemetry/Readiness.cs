using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Rudder.InferenceService.Telemetry;

/// <summary>The one health check: healthy while every model of the settings is warm and the service is not draining.</summary>
internal sealed class Readiness(ServiceState state) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(state.Phase == ServicePhase.Serving ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(state.Phase.ToString()));
}
