using System.Diagnostics;
using System.Runtime.InteropServices;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests;

/// <summary>The service's own executable as a process, its two output streams collected.</summary>
internal sealed partial class ServiceProcess : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _error;

    private ServiceProcess(Process process)
    {
        _process = process;
        _error = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Number of SIGINT, as Ctrl-C sends it.</summary>
    public const int Interrupt = 2;

    /// <summary>Number of SIGTERM.</summary>
    public const int Terminate = 15;

    /// <summary>Number of SIGKILL.</summary>
    public const int KillAtOnce = 9;

    /// <summary>The process's id.</summary>
    public int Id => _process.Id;

    /// <summary>Starts the program that lies beside this test assembly.</summary>
    public static ServiceProcess Start(params string[] args) => Start(new Dictionary<string, string>(), args);

    /// <summary>The same with additions to the environment.</summary>
    public static ServiceProcess Start(IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "inference-service.dll");
        var start = ProgramStart.Info("dotnet", ["exec", program, .. args]);
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new ServiceProcess(Process.Start(start)!);
    }

    /// <summary>The same with standard error going elsewhere.</summary>
    /// <param name="path">A device, or a named pipe without a reader; creates the pipe if missing.</param>
    /// <param name="args">The command line.</param>
    public static ServiceProcess StartWithErrorTo(string path, params string[] args)
    {
        const string Script = "[ -e \"$0\" ] || mkfifo \"$0\"; program=\"$1\"; shift; exec dotnet exec \"$program\" \"$@\" 2<>\"$0\"";
        string program = Path.Combine(AppContext.BaseDirectory, "inference-service.dll");
        return new ServiceProcess(Process.Start(ProgramStart.Info("/bin/sh", ["-c", Script, path, program, .. args]))!);
    }

    /// <summary>The next line of standard output, or null at its end.</summary>
    public Task<string?> ReadLineAsync() =>
        _process.StandardOutput.ReadLineAsync().WithinAsync(ProgramEnd.Limit, $"a line on the service's standard output (process {Id})");

    /// <summary>Sends a signal.</summary>
    public void Signal(int signal) => Assert.Equal(0, Kill(_process.Id, signal));

    /// <summary>Waits for the end, for <see cref="ProgramEnd.Limit"/>; a service that takes longer is killed.</summary>
    /// <returns>Exit code, and what was written to the streams since.</returns>
    public Task<(int Code, string Output, string Error)> EndAsync() =>
        ProgramEnd.OfAsync(_process, _process.StandardOutput.ReadToEndAsync(), _error);

    public void Dispose()
    {
        ProgramEnd.Kill(_process);
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
