using System.Globalization;
using System.Text.Json.Nodes;
using Rudder.Client.Processes;

namespace Rudder.Client.Experiments;

/// <summary>Runs the trainer as a child process: one command, one run folder.</summary>
internal sealed class TrainerProgram(Func<string> program, string logs, ProcessLedger ledger, Action<string> log)
{
    private const string CheckpointPrefix = "step-";

    /// <summary>Trains into a run folder, continuing from its newest checkpoint where there is one; a finished run is kept.</summary>
    /// <param name="command">sft, dpo, …</param>
    /// <param name="stage">Names the log file.</param>
    /// <param name="recipe">Recipe file.</param>
    /// <param name="set">Recipe values by dotted path.</param>
    /// <param name="folder">Run folder.</param>
    /// <param name="device">auto, cpu, cuda or cuda:N; null leaves it to the recipe.</param>
    /// <param name="cancel">Stops the trainer.</param>
    public Task TrainAsync(
        string command,
        string stage,
        string recipe,
        IEnumerable<KeyValuePair<string, JsonNode>> set,
        string folder,
        string? device,
        CancellationToken cancel)
    {
        if (File.Exists(Path.Combine(folder, "done.json")))
        {
            return Task.CompletedTask;
        }

        bool resume = HasCheckpoint(folder);
        if (!resume && Directory.Exists(folder))
        {
            StageRunner.Remove(folder);
        }

        IEnumerable<string> values = set.SelectMany(pair => (string[])["--set", $"{pair.Key}={Text(pair.Value)}"]);
        string[] where = device is null ? [] : ["--device", device];
        return RunAsync(stage, [command, "--recipe", recipe, .. values, resume ? "--resume" : "--output", folder, .. where], cancel);
    }

    /// <summary>Writes the graphs of a model folder into it.</summary>
    /// <param name="stage">Names the log file.</param>
    /// <param name="model">Model folder.</param>
    /// <param name="precision">fp32, or int8 for both.</param>
    /// <param name="cancel">Stops the trainer.</param>
    public Task ExportAsync(string stage, string model, string precision, CancellationToken cancel) =>
        RunAsync(stage, ["export", "--model", model, "--set", $"int8={(precision == "int8" ? "true" : "false")}"], cancel);

    /// <summary>Runs one trainer command to its end; another exit code than 0 is an error with the last lines.</summary>
    public async Task RunAsync(string stage, IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        string logFile = Path.Combine(logs, stage + ".log");
        await using var child = ChildProcess.Start(program(), arguments, logFile, ledger, line => log($"{stage} | {line}"));
        int code = await child.WaitAsync(cancel);
        if (code != ExitCodes.Done)
        {
            string message =
                $"trainer {arguments[0]} of stage {stage} ended with code {code}; its log is {logFile}. Last lines:{Environment.NewLine}{child.Tail}";
            throw code is ExitCodes.Usage or ExitCodes.BadInput ? new BadInputException(message) : new WorkFailedException(message);
        }
    }

    /// <summary>True where a complete checkpoint lies in a run folder: <c>step-N</c>, not the <c>step-N.tmp</c> that a kill leaves.</summary>
    public static bool HasCheckpoint(string folder) =>
        Directory.Exists(Path.Combine(folder, "checkpoints"))
        && Directory
            .EnumerateDirectories(Path.Combine(folder, "checkpoints"), $"{CheckpointPrefix}*")
            .Select(path => Path.GetFileName(path)[CheckpointPrefix.Length..])
            .Any(step => int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out _));

    /// <summary>A string goes without quotes, everything else as JSON.</summary>
    private static string Text(JsonNode value) =>
        value.GetValueKind() == System.Text.Json.JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString();
}
