using Grpc.Core;
using Rudder.Client.Rpc;
using Rudder.Datasets;

namespace Rudder.Client;

/// <summary>Maps the client's failures to exit codes.</summary>
internal static class Failures
{
    /// <summary>The exit code of an expected failure, shown by its message; null for an unexpected one, shown in full.</summary>
    public static int? CodeOf(Exception failure) =>
        failure switch
        {
            DatasetException => ExitCodes.BadInput,
            ServiceException service => IsRefusal(service.Status) ? ExitCodes.BadInput : ExitCodes.Failed,
            _ => ExitCodes.CodeOf(failure),
        };

    private static bool IsRefusal(StatusCode status) =>
        status is StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.Unimplemented or StatusCode.OutOfRange;
}
