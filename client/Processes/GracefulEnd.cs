using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Rudder.Client.Processes;

/// <summary>
/// Ends a process: SIGTERM to its own id, time to finish, then force. Windows has no SIGTERM for a program without a window; there
/// the process is ended by force at once, and what it was writing is resumed from its last checkpoint.
/// </summary>
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
        if (!target.HasExited && !OperatingSystem.IsWindows())
        {
            _ = SendSignal(target.Id, SigTerm);
        }

        bool ended = (target.HasExited || !OperatingSystem.IsWindows()) && await EndsAsync(target, grace, cancel);
        if (!ended && !target.HasExited)
        {
            target.Kill(entireProcessTree: true);
            await EndsAsync(target, grace, cancel);
        }
    }

    /// <summary>Waits for the process and for the end of its output. A grandchild may hold the output open, hence the limit.</summary>
    /// <returns>False after <paramref name="grace"/>.</returns>
    private static async Task<bool> EndsAsync(Process target, TimeSpan grace, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
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
