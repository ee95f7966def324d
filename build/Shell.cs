using System.Diagnostics;

namespace Rudder.Build;

/// <summary>Runs child processes in the checkout's root.</summary>
internal static class Shell
{
    /// <summary>Runs a command with this process's console; returns its exit code.</summary>
    public static int Run(string program, params string[] arguments)
    {
        using var process = Start(program, arguments, capture: false);
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>Runs a command that must succeed.</summary>
    /// <exception cref="BuildException">It exited with another code than 0.</exception>
    public static void Require(string program, params string[] arguments)
    {
        int code = Run(program, arguments);
        if (code != 0)
        {
            throw new BuildException($"'{program} {string.Join(' ', arguments)}' exited with {code}; its messages stand above.");
        }
    }

    /// <summary>Runs a command and returns its exit code and all it printed; null where there is no such program.</summary>
    public static (int Code, string Output)? Capture(string program, params string[] arguments)
    {
        try
        {
            using var process = Start(program, arguments, capture: true);
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output + errors.Result);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static Process Start(string program, string[] arguments, bool capture)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Checkout.Root,
            RedirectStandardOutput = capture,
            RedirectStandardError = capture,
        };
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive"; // a package's question would wait for ever in an unattended build
        // Set by 'dotnet run' for this process; a nested build must find its own.
        start.Environment.Remove("MSBuildSDKsPath");
        return Process.Start(start) ?? throw new BuildException($"'{program}' did not start.");
    }
}
