using System.Diagnostics;
using Rudder.Tests;

namespace Rudder.EndToEnd.Tests;

/// <summary>Starts the built programs as a user would, and reads what they say line by line.</summary>
internal static class Programs
{
    // The longest takes about a minute; a machine busy with other work may need several.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);
    private static readonly string Configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    /// <summary>Executable of a project, e.g. Client and client.</summary>
    public static string Find(string project, string name) =>
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, Configuration, name));

    /// <summary>Runs a program to its end, with SIGINT and SIGTERM as a terminal leaves them.</summary>
    /// <param name="program">Executable.</param>
    /// <param name="folder">Its current folder.</param>
    /// <param name="arguments">Arguments, split at spaces.</param>
    /// <param name="onLine">Told of each line of stderr while the program runs; may stop it.</param>
    /// <param name="onStart">Told of the process before its first line; may stop it later.</param>
    public static async Task<(int Exit, string Output, string Error)> RunAsync(
        string program,
        string folder,
        string arguments,
        Action<string, Process>? onLine = null,
        Action<Process>? onStart = null
    )
    {
        ProcessStartInfo start = ProgramStart.Info(program, arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        start.WorkingDirectory = folder;
        using Process process = Process.Start(start)!;
        onStart?.Invoke(process);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        return await ProgramEnd.OfAsync(process, output, LinesAsync(process, onLine), Limit);
    }

    private static async Task<string> LinesAsync(Process process, Action<string, Process>? onLine)
    {
        List<string> lines = [];
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            lines.Add(line);
            onLine?.Invoke(line, process);
        }

        return string.Join('\n', lines);
    }
}
