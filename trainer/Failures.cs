using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Engine;

namespace Rudder.Trainer;

/// <summary>Maps the trainer's failures to exit codes.</summary>
internal static class Failures
{
    /// <summary>The exit code of an expected failure, shown by its message; null for an unexpected one, shown in full.</summary>
    public static int? CodeOf(Exception failure) =>
        failure switch
        {
            EngineFailedException => ExitCodes.Failed,
            CheckpointException or DatasetException or RequestFault => ExitCodes.BadInput,
            _ => ExitCodes.CodeOf(failure),
        };

    /// <summary>Runs a command; a failure becomes a message on stderr.</summary>
    /// <returns>The exit code.</returns>
    public static Task<int> RunAsync(Action command)
    {
        Task Body()
        {
            command();
            return Task.CompletedTask;
        }

        return ExitCodes.RunAsync(Body, Display.OnErrors(), CodeOf);
    }
}
