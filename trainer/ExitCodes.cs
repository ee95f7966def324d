using Rudder.Checkpoints;
using Rudder.Datasets;
using Rudder.Engine;
using Rudder.Trainer.Terminal;

namespace Rudder.Trainer;

/// <summary>A recipe, setting or input file is invalid. The message gives the value, the limit and the remedy.</summary>
internal sealed class BadInputException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Training failed: a loss or gradient is NaN or infinite, or an export is refused.</summary>
internal sealed class TrainingFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Ctrl-C or SIGTERM stopped the training, after it finished and saved its step.</summary>
internal sealed class InterruptedException(string message) : Exception(message);

/// <summary>The one place that maps failures to exit codes.</summary>
internal static class ExitCodes
{
    /// <summary>Finished.</summary>
    public const int Done = 0;

    /// <summary>Wrong command line.</summary>
    public const int Usage = 1;

    /// <summary>Bad recipe, setting or file.</summary>
    public const int BadInput = 2;

    /// <summary>Training or export failed.</summary>
    public const int Failed = 3;

    /// <summary>Stopped on request; resumable.</summary>
    public const int Interrupted = 130;

    /// <summary>Runs <paramref name="work"/>, prints a failure's message to <paramref name="errors"/> and returns the code.</summary>
    public static int Of(Func<int> work, TextWriter errors)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (CodeOf(e) is int code)
        {
            Display.Error(errors, e.Message);
            return code;
        }
        catch (Exception e)
        {
            errors.WriteLine(e);
            return Failed;
        }
    }

    /// <summary>The exit code of an expected failure, shown by its message; null for an unexpected one, shown in full.</summary>
    public static int? CodeOf(Exception failure) =>
        failure switch
        {
            InterruptedException => Interrupted,
            TrainingFailedException or EngineFailedException => Failed,
            BadInputException or CheckpointException or DatasetException or RequestFault or FileNotFoundException or DirectoryNotFoundException => BadInput,
            IOException or UnauthorizedAccessException => Failed,
            _ => null,
        };
}
