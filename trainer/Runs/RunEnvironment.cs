using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;

namespace Rudder.Trainer.Runs;

/// <summary>Describes the environment of a run.</summary>
internal static class RunEnvironment
{
    /// <summary>The file in a run folder.</summary>
    public const string FileName = "environment.json";

    /// <summary>Key of the command that trains the same model.</summary>
    public const string Command = "command";

    /// <summary>Versions, device, threads, commit and command line.</summary>
    public static IReadOnlyDictionary<string, object?> Describe(RunRequest request, string device, int threads) =>
        new Dictionary<string, object?>
        {
            ["started"] = request.Clock.GetUtcNow().ToString("O"),
            ["trainer"] = Version(typeof(RunEnvironment)),
            ["torchsharp"] = Version(typeof(torch)),
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["system"] = RuntimeInformation.OSDescription,
            ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
            ["processors"] = Environment.ProcessorCount,
            ["device"] = device,
            ["threads"] = threads,
            ["ranks"] = request.Ranks.Count,
            ["commit"] = Commit(),
            [Command] = request.CommandText(),
            ["command_line"] = Environment.GetCommandLineArgs(),
        };

    /// <summary>The command that the run recorded at its start; null if the file does not exist.</summary>
    /// <exception cref="BadInputException">The file is damaged.</exception>
    public static string? CommandOf(RunFolder run)
    {
        string path = run.File(FileName);
        try
        {
            return File.Exists(path) ? (string?)JsonNode.Parse(File.ReadAllText(path))?[Command] : null;
        }
        catch (Exception damage) when (damage is JsonException or InvalidOperationException)
        {
            throw new BadInputException($"{path} is damaged ({damage.Message}). It only records the command and the machine: delete it to go on.", damage);
        }
    }

    /// <summary>The checkout's commit, or null outside one.</summary>
    public static string? Commit()
    {
        try
        {
            var start = new ProcessStartInfo("git", "rev-parse HEAD") { RedirectStandardOutput = true, RedirectStandardError = true };
            using var git = Process.Start(start);
            string? text = git?.StandardOutput.ReadToEnd().Trim();
            git?.WaitForExit();
            return git is { ExitCode: 0 } ? text : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null; // no git on this machine
        }
    }

    private static string? Version(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? type.Assembly.GetName().Version?.ToString();
}
