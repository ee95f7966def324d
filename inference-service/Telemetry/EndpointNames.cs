using Grpc.AspNetCore.Server;
using Rudder.Engine.Telemetry;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Names of endpoints in metrics and traces; never a path that a caller made up.</summary>
internal static class EndpointNames
{
    /// <summary>Name of requests that reach no endpoint.</summary>
    public const string None = "*";

    /// <summary>The gRPC method, <c>/package.Service/Method</c>, or the route of an endpoint.</summary>
    public static string Of(Endpoint? endpoint) =>
        endpoint?.Metadata.GetMetadata<GrpcMethodMetadata>()?.Method.FullName ?? (endpoint as RouteEndpoint)?.RoutePattern.RawText ?? None;

    /// <summary>The operation of an endpoint in OpenTelemetry's conventions for generative AI, or null if they define none.</summary>
    public static string? OperationOf(string method) => method switch
    {
        "/inference.v1.Sampling/Sample" or "/inference.v1.Sampling/SampleStream" or "/v1/completions" => GenAiTags.TextCompletion,
        "/v1/chat/completions" => GenAiTags.Chat,
        _ => null,
    };
}
