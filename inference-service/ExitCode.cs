using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService;

/// <summary>The program's exit codes.</summary>
internal static class ExitCode
{
    /// <summary>Drained and stopped on request.</summary>
    public const int Done = 0;

    /// <summary>The command line or a setting is wrong.</summary>
    public const int Usage = 1;

    /// <summary>A model of the settings cannot be loaded.</summary>
    public const int BadInput = 2;

    /// <summary>Anything else, such as a port that is taken.</summary>
    public const int Failed = 3;

    /// <summary>The code of a failed start.</summary>
    public static int Of(Exception exception) => exception switch
    {
        OperationCanceledException => Done, // a stop signal came during the start
        UsageException => Usage,
        CheckpointException or RequestFault => BadInput,
        _ => Failed,
    };
}
