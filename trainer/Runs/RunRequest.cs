using System.Globalization;
using System.Text.Json;
using Rudder.Trainer.Parallel;

namespace Rudder.Trainer.Runs;

/// <summary>The command-line options of a run, and its clock, output streams and stop signal.</summary>
internal sealed record RunRequest
{
    /// <summary>The command's name, for the message that explains how to resume.</summary>
    public string Command { get; init; } = "sft";

    /// <summary>The recipe file.</summary>
    public required string Recipe { get; init; }

    /// <summary>Overrides, <c>dotted.path=value</c>.</summary>
    public IReadOnlyList<string> Sets { get; init; } = [];

    /// <summary>Run folder; null creates one under <c>runs/</c>.</summary>
    public string? Output { get; init; }

    /// <summary>Run folder to resume; null starts a new run.</summary>
    public string? Resume { get; init; }

    /// <summary>The device in place of the recipe's: auto, cpu, cuda or cuda:N; null leaves it to the recipe.</summary>
    public string? Device { get; init; }

    /// <summary>Whether to print the final metrics as JSON on standard output.</summary>
    public bool Json { get; init; }

    /// <summary>Signalled by Ctrl-C and SIGTERM: finish the step, save, stop.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>The processes that train together; one by default.</summary>
    public Ranks Ranks { get; init; } = Ranks.One;

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Gets progress.</summary>
    public TextWriter Progress { get; init; } = Console.Error;

    /// <summary>Whether <see cref="Progress"/> is a terminal, which shows a bar.</summary>
    public bool Terminal { get; init; }

    /// <summary>Shows bars and tables on <see cref="Progress"/>.</summary>
    public Display Display => new(Progress, Terminal, Clock);

    /// <summary>Gets results.</summary>
    public TextWriter Results { get; init; } = Console.Out;

    /// <summary>Shows the path of a finished run's result and its final metrics; on request, also as one JSON line.</summary>
    /// <param name="what">Kind of result: model or tokenizer.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="final">The final metrics.</param>
    public void ShowResult(string what, string folder, IReadOnlyDictionary<string, object> final)
    {
        Display.Table(["metric", "value"], final.Select(metric => (string[])
            [metric.Key, string.Create(CultureInfo.InvariantCulture, $"{(metric.Value is double number ? Math.Round(number, 5) : metric.Value)}")]));
        Progress.WriteLine($"{what}: {folder}");
        if (Json)
        {
            Results.WriteLine(JsonSerializer.Serialize(final));
        }
    }

    /// <summary>The request of one of several processes. Only the first one shows progress and results.</summary>
    public RunRequest Of(Ranks ranks) => ranks.IsFirst
        ? this with { Ranks = ranks }
        : this with { Ranks = ranks, Progress = TextWriter.Null, Terminal = false, Results = TextWriter.Null, Json = false };

    /// <summary>The command that trains the same model, without output paths; quoted for a shell.</summary>
    public string CommandText()
    {
        IEnumerable<string> words = ["trainer", Command, "--recipe", Recipe, .. Sets.SelectMany(set => (string[])["--set", set])];
        IEnumerable<string> onDevice = Device is null ? [] : ["--device", Device];
        return Ranks.Launcher + string.Join(' ', words.Concat(onDevice).Select(Quoted));
    }

    private static string Quoted(string word) =>
        word.Length > 0 && word.All(c => char.IsLetterOrDigit(c) || "._/=:,+-".Contains(c, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
