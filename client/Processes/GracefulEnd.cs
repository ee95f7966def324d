using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Rudder.Client.Processes;

/// <summary>Ends a process: SIGTERM to its own id, time to finish, and only then an end by force.</summary>
internal static class GracefulEnd
{
    private const int SigTerm = 15;

    /// <summary>Time between SIGTERM and force. Default 60 s.</summary>
    public static TimeSpan Grace { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Returns when the process has ended, and what it wrote to this program has been read.</summary>
    /// <param name="target">The process; it may have ended already.</param>
    /// <param name="grace">Time to finish.</param>
    /// <param name="cancel">Gives up waiting.</param>
    public static async Task OfAsync(Process target, TimeSpan grace, CancellationToken cancel)
    {
        if (!target.HasExited)
        {
            Terminate(target);
        }

        if (!await EndsAsync(target, grace, cancel) && !target.HasExited)
        {
            target.Kill(entireProcessTree: true);
            await EndsAsync(target, grace, cancel);
        }
    }

    private static void Terminate(Process target)
    {
        if (OperatingSystem.IsWindows())
        {
            target.Kill(entireProcessTree: true);
        }
        else
        {
            _ = SendSignal(target.Id, SigTerm);
        }
    }

    /// <summary>
    /// Waits for its end and for the end of its output, which a process of its own may hold open: hence no longer than the
    /// grace.
    /// </summary>
    /// <returns>False where the time was up.</returns>
    private static async Task<bool> EndsAsync(Process target, TimeSpan grace, CancellationToken cancel)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(grace);
        try
        {
            await target.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [UnsupportedOSPlatform("windows")]
    private static extern int SendSignal(int process, int signal);
}
