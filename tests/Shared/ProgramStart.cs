using System.Diagnostics;

namespace Rudder.Tests;

/// <summary>
/// Starts programs with SIGINT and SIGTERM as a terminal leaves them. A child inherits what its parent ignores, and a shell's
/// background jobs ignore SIGINT: a program started by tests that run so would never notice that signal.
/// </summary>
internal static class ProgramStart
{
    private const string Env = "/usr/bin/env";
    private const string Reset = "--default-signal=INT,TERM";
    private static readonly Lazy<bool> CanReset = new(Resets);

    /// <summary>The command line that runs a program so, in the same process; the program's own where the system's env cannot reset signals.</summary>
    /// <param name="program">Executable, by path or by name.</param>
    /// <param name="arguments">Its arguments, unquoted.</param>
    public static (string Program, string[] Arguments) Command(string program, IEnumerable<string> arguments) =>
        CanReset.Value ? (Env, [Reset, program, .. arguments]) : (program, [.. arguments]);

    /// <summary>The same as a start that redirects standard output and standard error.</summary>
    /// <inheritdoc cref="Command"/>
    public static ProcessStartInfo Info(string program, IEnumerable<string> arguments)
    {
        (string command, string[] words) = Command(program, arguments);
        return new ProcessStartInfo(command, words) { RedirectStandardOutput = true, RedirectStandardError = true };
    }

    // GNU's env can since coreutils 8.31; others refuse the option.
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
