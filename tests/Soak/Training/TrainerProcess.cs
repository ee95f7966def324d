using System.Diagnostics;
using Rudder.Tests;

namespace Rudder.Trainer.Soak;

/// <summary>When a run is killed.</summary>
/// <param name="Step">After the log holds this step; 0: after the log exists.</param>
/// <param name="Later">Time from then on.</param>
internal readonly record struct KillPoint(int Step, TimeSpan Later)
{
    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Later.TotalMilliseconds:0} ms after step {Step}");
}

/// <summary>The trainer as a process of its own.</summary>
internal static class TrainerProcess
{
    // From its own folder: this one lacks the packages that ASP.NET Core brings along.
    private static readonly string Configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
    private static readonly string Program =
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Trainer", Configuration, "trainer.dll"));
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(1);

    /// <summary>Runs a command line to its end.</summary>
    /// <returns>Exit code and standard error.</returns>
    public static async Task<(int Code, string Error)> RunAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        (int code, _, string error) = await ProgramEnd.OfAsync(process);
        return (code, error);
    }

    /// <summary>Runs a command line and kills the process at a point of its run.</summary>
    /// <param name="point">The moment.</param>
    /// <param name="metrics">The run's metric log.</param>
    /// <param name="arguments">The command line.</param>
    /// <returns>Whether the kill hit; false if the run had ended before.</returns>
    public static async Task<bool> KillAsync(KillPoint point, string metrics, params string[] arguments)
    {
        using Process process = Start(arguments);
        var end = ProgramEnd.OfAsync(process);
        while (!end.IsCompleted && StepsIn(metrics) < point.Step)
        {
            await Task.Delay(Poll, TimeProvider.System);
        }

        await Task.WhenAny(end, Task.Delay(point.Later, TimeProvider.System));
        bool running = !process.HasExited;
        if (running)
        {
            process.Kill();                                  // SIGKILL; TerminateProcess on Windows
        }

        (int code, _, string error) = await end;
        Assert.True(running || code == ExitCodes.Done, error);
        return code != ExitCodes.Done;
    }

    private static Process Start(string[] arguments) => Process.Start(ProgramStart.Info("dotnet", [Program, .. arguments]))!;

    /// <summary>Complete lines about training steps; −1 while there is no log.</summary>
    private static int StepsIn(string metrics)
    {
        if (!File.Exists(metrics))
        {
            return -1;
        }

        using var reader = new StreamReader(new FileStream(metrics, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Split('\n')[..^1].Count(line => line.Contains("\"split\":\"train\"", StringComparison.Ordinal));
    }
}
