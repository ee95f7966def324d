using System.CommandLine;
using Rudder.Client.Reports;

namespace Rudder.Client.Commands;

/// <summary><c>client report</c>: the page of a finished run.</summary>
internal static class ReportCommand
{
    private const string Help = """
        Writes one self-contained HTML page about a finished run: frontier, training curves, samples, settings, how to
        reproduce. It needs no network to be read. The frontier is also written as a picture beside the page: frontier.svg
        for report.html, NAME.frontier.svg for NAME.html.

        Example:
          client report runs/imdb-dpo-demo --output demo.html
        """;

    /// <summary>The command with its options.</summary>
    public static Command Create()
    {
        Argument<string> run = new("run") { Description = "Folder of the run, e.g. runs/imdb-dpo-demo" };
        Option<string?> output = OptionOf.Optional("--output", "FILE", "HTML file; default report.html in the run's folder");
        Option<bool> json = CommandOf.Json();
        return CommandOf.Create("report", Help, [run, output, json], (parsed, _, _) =>
        {
            string folder = parsed.GetRequiredValue(run);
            string file = parsed.GetValue(output) ?? Path.Combine(folder, ReportWriter.FileName);
            ReportWriter.Write(folder, file);
            CommandOf.Result(parsed, json, new { Report = file }, shown => shown.Line($"report: {file}"));
            return Task.CompletedTask;
        });
    }
}
