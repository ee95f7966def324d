using System.Diagnostics;

namespace Rudder.Tests;

/// <summary>Waits a limited time until a program ends, then kills it and its children if they still run.</summary>
internal static class ProgramEnd
{
    /// <summary>Default time limit: 120 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(10);

    /// <summary>Reads both redirected streams to their end and waits until the program ends.</summary>
    /// <param name="process">The program.</param>
    /// <param name="limit">Time limit; null is <see cref="Limit"/>.</param>
    /// <returns>Its exit code, standard output and standard error.</returns>
    /// <exception cref="TimeoutException">It ran longer than the limit and was killed. The message holds its standard error.</exception>
    public static Task<(int Code, string Output, string Error)> OfAsync(Process process, TimeSpan? limit = null) =>
        OfAsync(process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync(), limit);

    /// <summary>Waits until the program ends, with streams that the caller reads.</summary>
    /// <param name="process">The program.</param>
    /// <param name="output">The text of standard output, once the stream ends.</param>
    /// <param name="error">The text of standard error, once the stream ends.</param>
    /// <param name="limit">Time limit; null is <see cref="Limit"/>.</param>
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
            await Task.WhenAny(error, Task.Delay(LastWords));    // a child may hold the stream open
            string said = error.IsCompletedSuccessfully ? await error : "(not readable)";
            throw new TimeoutException(
                $"Process {process.Id} did not end within {time.TotalSeconds:0} s and was killed. Its standard error: {said}", late);
        }
        finally
        {
            Kill(process);
        }
    }

    /// <summary>Kills a program and its children if it still runs.</summary>
    public static void Kill(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(LastWords);
        }
    }

    // One after the other, so that a fault in reading a stream is thrown at once.
    private static async Task<(int Code, string Output, string Error)> EndAsync(Process process, Task<string> output, Task<string> error)
    {
        string said = await error;
        string written = await output;
        await process.WaitForExitAsync();
        return (process.ExitCode, written, said);
    }
}
