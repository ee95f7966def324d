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
            ServiceException service => service.IsRefusal ? ExitCodes.BadInput : ExitCodes.Failed,
            _ => ExitCodes.CodeOf(failure),
        };
}
