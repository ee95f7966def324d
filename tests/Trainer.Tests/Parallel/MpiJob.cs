using System.Diagnostics;
using Rudder.Build;
using Rudder.Tests;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Parallel;

/// <summary>Starts the trainer under Open MPI's mpirun. Installs Open MPI where it is missing and that is possible.</summary>
internal static class MpiJob
{
    private static readonly Lazy<IReadOnlyList<DebianPackage>> Missing = new(() => DebianPackages.InstallWherePossible(DebianPackages.ForMpi));

    /// <summary>Skips the test, saying so, where Open MPI is not installed and cannot be.</summary>
    public static void Require() =>
        Assert.SkipWhen(Missing.Value.Count > 0, $"needs Debian packages that only root can install: {string.Join(' ', Missing.Value.Select(package => package.Name))}");

    /// <summary>Starts a job of several processes.</summary>
    /// <param name="processes">Their number.</param>
    /// <param name="arguments">The trainer's arguments.</param>
    public static Process Start(int processes, params string[] arguments)
    {
        string trainer = Path.ChangeExtension(typeof(RunFolder).Assembly.Location, ".dll");
        // The long timeout lets a stopped job save on a busy machine; mpirun's own is a second.
        ProcessStartInfo start = ProgramStart.Info(
            "mpirun",
            ["-n", $"{processes}", "--oversubscribe", "--bind-to", "none", "--mca", "odls_base_sigkill_timeout", "20", "dotnet", trainer, .. arguments]);
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1";
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
        start.Environment["OMPI_MCA_mpi_yield_when_idle"] = "1"; // more processes than cores
        return Process.Start(start)!;
    }

    /// <summary>Runs a job to its end.</summary>
    public static Task<(int Code, string Output, string Error)> RunAsync(int processes, params string[] arguments) =>
        ProgramEnd.OfAsync(Start(processes, arguments));

    /// <summary>The process of a rank, among those whose command line holds a text.</summary>
    public static Process Find(int rank, string text) =>
        Process.GetProcesses().Single(process => Read(process, "cmdline").Contains(text, StringComparison.Ordinal)
            && Read(process, "environ").Split('\0').Contains($"OMPI_COMM_WORLD_RANK={rank}"));

    private static string Read(Process process, string file)
    {
        string path = $"/proc/{process.Id}/{file}";
        try
        {
            return File.Exists(path) ? File.ReadAllText(path) : string.Empty;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return string.Empty; // it has ended meanwhile, or belongs to another user
        }
    }
}
