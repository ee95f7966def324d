using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService;

/// <summary>Maps failures of the start to exit codes.</summary>
internal static class StartFailure
{
    /// <summary>The code of a failed start.</summary>
    public static int CodeOf(Exception exception) => exception switch
    {
        OperationCanceledException => ExitCodes.Done, // a stop signal came during the start
        UsageException => ExitCodes.Usage,
        CheckpointException or RequestFault => ExitCodes.BadInput,
        _ => ExitCodes.Failed,
    };
}
