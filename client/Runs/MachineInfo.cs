using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace Rudder.Client.Runs;

/// <summary>Machine and versions of a run: <c>environment.json</c>.</summary>
/// <param name="Commit">Commit of the checkout; null where git or a checkout is missing.</param>
/// <param name="Changed">True where tracked files differ from the commit; null where unknown.</param>
/// <param name="OperatingSystemName">Operating system.</param>
/// <param name="Runtime">.NET runtime.</param>
/// <param name="Processor">Model name; null where the system does not report one.</param>
/// <param name="Cores">Logical processors.</param>
/// <param name="MemoryGib">Memory that the runtime may use, GiB.</param>
/// <param name="Written">UTC.</param>
internal sealed record MachineInfo(
    string? Commit,
    bool? Changed,
    [property: JsonPropertyName("system")] string OperatingSystemName,
    string Runtime,
    string? Processor,
    int Cores,
    double MemoryGib,
    DateTimeOffset Written)
{
    /// <summary>File name in the run's folder.</summary>
    public const string FileName = "environment.json";

    /// <summary>The current machine and checkout.</summary>
    public static MachineInfo Read(TimeProvider time)
    {
        string? status = Git("status --porcelain --untracked-files=no");
        return new MachineInfo(
            Git("rev-parse HEAD") is { Length: > 0 } commit ? commit : null, status is null ? null : status.Length > 0,
            RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription, ProcessorName(), Environment.ProcessorCount,
            Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / Math.Pow(2, 30), 1), time.GetUtcNow());
    }

    private static string? ProcessorName() =>
        OperatingSystem.IsLinux()
            ? File.ReadLines("/proc/cpuinfo")
                .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
                ?.Split(':', 2)[1]
                .Trim()
            : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER"); // set on Windows

    private static string? Git(string arguments)
    {
        try
        {
            using var git = Process.Start(
                new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true, RedirectStandardError = true });
            string output = git!.StandardOutput.ReadToEnd().Trim();
            git.WaitForExit();
            return git.ExitCode == 0 ? output : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
