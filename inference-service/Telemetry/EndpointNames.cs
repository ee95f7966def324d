using Grpc.AspNetCore.Server;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Names of endpoints in metrics and traces; never a path that a caller made up.</summary>
internal static class EndpointNames
{
    /// <summary>Name of requests that reach no endpoint.</summary>
    public const string None = "*";

    /// <summary>The gRPC method or the route of an endpoint.</summary>
    public static string Of(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.FullName ?? (endpoint as RouteEndpoint)?.RoutePattern.RawText ?? None;
}
