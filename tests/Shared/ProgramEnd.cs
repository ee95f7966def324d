using System.Diagnostics;

namespace Rudder.Tests;

/// <summary>Waits for the end of a program that a test has started, for a limited time, and leaves nothing of it running.</summary>
internal static class ProgramEnd
{
    /// <summary>Time that a program has where a test names none: 120 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(10);

    /// <summary>Reads both redirected streams to their end and waits for the program's.</summary>
    /// <param name="process">The program.</param>
    /// <param name="limit">Time it has; null is <see cref="Limit"/>.</param>
    /// <returns>Its exit code and what it wrote.</returns>
    /// <exception cref="TimeoutException">It ran longer; it has been killed, and the message holds its standard error.</exception>
    public static Task<(int Code, string Output, string Error)> OfAsync(Process process, TimeSpan? limit = null) =>
        OfAsync(process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync(), limit);

    /// <summary>The same with streams that the caller reads.</summary>
    /// <param name="process">The program.</param>
    /// <param name="output">Ends with standard output.</param>
    /// <param name="error">Ends with standard error.</param>
    /// <param name="limit">Time it has; null is <see cref="Limit"/>.</param>
    public static async Task<(int Code, string Output, string Error)> OfAsync(
        Process process, Task<string> output, Task<string> error, TimeSpan? limit = null)
    {
        TimeSpan time = limit ?? Limit;
        try
        {
            return await EndAsync(process, output, error).WaitAsync(time);
        }
        catch (TimeoutException late)
        {
            Kill(process);
            await Task.WhenAny(error, Task.Delay(LastWords));    // what it has started may hold the stream open
            string said = error.IsCompletedSuccessfully ? await error : "cannot be read";
            throw new TimeoutException(
                $"Process {process.Id} did not end within {time.TotalSeconds:0} s and was killed. Its standard error: {said}", late);
        }
        finally
        {
            Kill(process);
        }
    }

    /// <summary>Kills a program and what it has started, if it still runs.</summary>
    public static void Kill(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(LastWords);
        }
    }

    // One after the other: what goes wrong while a stream is read is told at once.
    private static async Task<(int Code, string Output, string Error)> EndAsync(Process process, Task<string> output, Task<string> error)
    {
        string said = await error;
        string written = await output;
        await process.WaitForExitAsync();
        return (process.ExitCode, written, said);
    }
}
