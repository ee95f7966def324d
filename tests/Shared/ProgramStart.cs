using System.Diagnostics;

namespace Rudder.Tests;

/// <summary>
/// Starts programs with the default handling of SIGINT and SIGTERM. A child inherits ignored signals, and a shell's background jobs
/// ignore SIGINT. Without the reset, a program started by tests in the background would never receive it.
/// </summary>
internal static class ProgramStart
{
    private const string Env = "/usr/bin/env";
    private const string Reset = "--default-signal=INT,TERM";
    private static readonly Lazy<bool> CanReset = new(Resets);

    /// <summary>
    /// Returns a command line that resets the signals and then runs the program in the same process. Where the system's env cannot reset
    /// signals, it is the program's own command line.
    /// </summary>
    /// <param name="program">Path or name of the executable.</param>
    /// <param name="arguments">Its arguments, unquoted.</param>
    public static (string Program, string[] Arguments) Command(string program, IEnumerable<string> arguments) =>
        CanReset.Value ? (Env, [Reset, program, .. arguments]) : (program, [.. arguments]);

    /// <summary>Returns the same as a start that redirects standard output and standard error.</summary>
    /// <inheritdoc cref="Command"/>
    public static ProcessStartInfo Info(string program, IEnumerable<string> arguments)
    {
        (string command, string[] words) = Command(program, arguments);
        return new ProcessStartInfo(command, words) { RedirectStandardOutput = true, RedirectStandardError = true };
    }

    // GNU env has the option since coreutils 8.31; others refuse it.
    private static bool Resets()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(Env))
        {
            return false;
        }

        using Process tried = Process.Start(
            new ProcessStartInfo(Env, [Reset, "true"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        tried.WaitForExit();
        return tried.ExitCode == 0;
    }
}
