using System.Diagnostics;

namespace Rudder.Build;

/// <summary>Runs programs in the checkout's root.</summary>
internal static class Shell
{
    /// <summary>Runs a command on this console and returns its exit code.</summary>
    public static int Run(string program, params string[] arguments)
    {
        using var process = Start(program, arguments, capture: false);
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>Runs a command and throws if it fails.</summary>
    /// <exception cref="WorkFailedException">The exit code is not 0.</exception>
    public static void Require(string program, params string[] arguments)
    {
        int code = Run(program, arguments);
        if (code != 0)
        {
            throw new WorkFailedException($"'{program} {string.Join(' ', arguments)}' exited with code {code}. See its messages above.");
        }
    }

    /// <summary>Runs a command and returns its exit code and output, or null if the program does not exist.</summary>
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
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive"; // a package must not ask questions in an unattended build
        // 'dotnet run' sets this for its own SDK; a nested build must find its own.
        start.Environment.Remove("MSBuildSDKsPath");
        return Process.Start(start) ?? throw new WorkFailedException($"'{program}' did not start.");
    }
}
