using Grpc.Core;

namespace Rudder.Client.Rpc;

/// <summary>A call that the service refused or did not answer, after all retries.</summary>
/// <param name="call">e.g. Sampling.Sample.</param>
/// <param name="address">The service.</param>
/// <param name="cause">Status and detail.</param>
internal sealed class ServiceException(string call, Uri address, RpcException cause)
    : Exception(
        $"{call} at {address} failed with {Name(cause.StatusCode)}: {cause.Status.Detail}{Remedy(cause.StatusCode, address)}", cause)
{
    /// <summary>The status the service gave.</summary>
    public StatusCode Status { get; } = cause.StatusCode;

    /// <summary>Whether the request is at fault: the same one would be refused again.</summary>
    public bool IsRefusal =>
        Status is StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.Unimplemented or StatusCode.OutOfRange;

    /// <summary>A status as gRPC spells it.</summary>
    public static string Name(StatusCode code) =>
        code switch
        {
            StatusCode.DeadlineExceeded => "DEADLINE_EXCEEDED",
            StatusCode.Unavailable => "UNAVAILABLE",
            StatusCode.ResourceExhausted => "RESOURCE_EXHAUSTED",
            StatusCode.InvalidArgument => "INVALID_ARGUMENT",
            StatusCode.NotFound => "NOT_FOUND",
            StatusCode.Unimplemented => "UNIMPLEMENTED",
            StatusCode.FailedPrecondition => "FAILED_PRECONDITION",
            StatusCode.Unauthenticated => "UNAUTHENTICATED",
            StatusCode.PermissionDenied => "PERMISSION_DENIED",
            _ => code.ToString(),
        };

    private static string Remedy(StatusCode code, Uri address) =>
        code switch
        {
            StatusCode.Unavailable =>
                $" Is the service running? Start it with: inference-service --urls {address.GetLeftPart(UriPartial.Authority)}",
            StatusCode.Unauthenticated => " Give a key with --api-key-file FILE.",
            StatusCode.DeadlineExceeded => " Raise --deadline, or ask for less per request (--batch).",
            StatusCode.ResourceExhausted => " The service stayed full through all retries; lower --in-flight or --batch.",
            _ => "",
        };
}
