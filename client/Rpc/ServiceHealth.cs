using Grpc.Core;
using Grpc.Health.V1;

namespace Rudder.Client.Rpc;

/// <summary>The answer to one health check.</summary>
/// <param name="Serving">True where the service says SERVING.</param>
/// <param name="MayCome">True where waiting may help: the service is not reachable yet, is starting or is draining.</param>
/// <param name="Said">The health status, or the failed call's status and detail.</param>
internal sealed record ServiceHealth(bool Serving, bool MayCome, string Said)
{
    /// <summary>An answer of the health service.</summary>
    public static ServiceHealth Of(HealthCheckResponse.Types.ServingStatus status)
    {
        bool serving = status == HealthCheckResponse.Types.ServingStatus.Serving;
        string said = status == HealthCheckResponse.Types.ServingStatus.NotServing ? "NOT_SERVING" : status.ToString();
        return new ServiceHealth(serving, !serving, said);
    }

    /// <summary>A call that failed: UNAVAILABLE and a slow or overloaded answer are states that pass; a program of another kind stays what it is.</summary>
    public static ServiceHealth Of(Status failure) =>
        new(
            false, failure.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.ResourceExhausted,
            $"{ServiceException.Name(failure.StatusCode)}: {failure.Detail}");
}
