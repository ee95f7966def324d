namespace Rudder.Terminal;

/// <summary>A file, a setting or a model cannot be used. Exit code 2.</summary>
/// <param name="message">What is wrong, which value, the limit, the remedy.</param>
/// <param name="inner">The cause, if any.</param>
public sealed class BadInputException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Refuses a setting.</summary>
    /// <param name="holds">Whether the setting can be used.</param>
    /// <param name="message">Which setting, its value and its limit.</param>
    public static void Unless(bool holds, string message)
    {
        if (!holds)
        {
            throw new BadInputException(message);
        }
    }
}

/// <summary>Work that started and failed: a training that diverged, an export that is refused, a child process that ended with an error. Exit code 3.</summary>
/// <param name="message">What failed and where to read on.</param>
/// <param name="inner">The cause, if any.</param>
public sealed class WorkFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Ctrl-C or SIGTERM stopped the work at a safe place. Exit code 130.</summary>
/// <param name="message">Where it stopped and how to continue.</param>
public sealed class InterruptedException(string message) : Exception(message);

/// <summary>The exit codes of every program, and the failures that lead to them.</summary>
public static class ExitCodes
{
    /// <summary>The command did its work.</summary>
    public const int Done = 0;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 1;

    /// <summary>A file, a setting or a model was refused.</summary>
    public const int BadInput = 2;

    /// <summary>The work began and failed.</summary>
    public const int Failed = 3;

    /// <summary>Ctrl-C or SIGTERM.</summary>
    public const int Interrupted = 130;

    /// <summary>Runs a command. A failure becomes a message and its code; an unexpected one is shown with its stack.</summary>
    /// <param name="work">The command's body.</param>
    /// <param name="display">Gets the message.</param>
    /// <param name="codeOf">The code of an expected failure; null for an unexpected one. It ends with <see cref="CodeOf"/>.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(Func<Task> work, Display display, Func<Exception, int?> codeOf)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(display);
        ArgumentNullException.ThrowIfNull(codeOf);
        try
        {
            await work();
            return Done;
        }
        catch (InterruptedException stopped)
        {
            display.Line(stopped.Message);
            return Interrupted;
        }
        catch (Exception failure)
        {
            int? code = codeOf(failure);
            display.Error(code is null ? failure.ToString() : failure.Message);
            return code ?? Failed;
        }
    }

    /// <summary>The code of a failure that every program expects; null for any other.</summary>
    /// <param name="failure">What a command threw.</param>
    public static int? CodeOf(Exception failure) =>
        failure switch
        {
            InterruptedException => Interrupted,
            BadInputException or FileNotFoundException or DirectoryNotFoundException => BadInput,
            WorkFailedException or IOException or UnauthorizedAccessException => Failed,
            _ => null,
        };
}
