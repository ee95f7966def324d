using System.CommandLine;
using Rudder.Client.Reports;

namespace Rudder.Client.Commands;

/// <summary><c>client report</c>: the page of a finished run.</summary>
internal sealed class ReportCommand : ClientCommand
{
    private const string Help = """
        Writes one self-contained HTML page about a finished run: frontier, training curves, samples, settings, how to
        reproduce. It needs no network to be read. The frontier is also written as a picture beside the page: frontier.svg
        for report.html, NAME.frontier.svg for NAME.html.

        Example:
          client report runs/imdb-dpo-demo --output demo.html
        """;

    private readonly Argument<string> _run = new("run") { Description = "Folder of the run, e.g. runs/imdb-dpo-demo" };
    private readonly Option<string?> _output = OptionOf.Optional("--output", "FILE", "HTML file; default report.html in the run's folder");

    public ReportCommand()
        : base("report", Help)
    {
        Arguments.Add(_run);
        Add(_output);
    }

    protected override Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        string folder = parsed.GetRequiredValue(_run);
        string file = parsed.GetValue(_output) ?? Path.Combine(folder, ReportWriter.FileName);
        ReportWriter.Write(folder, file);
        Result(parsed, new { Report = file }, shown => shown.Line($"report: {file}"));
        return Task.CompletedTask;
    }
}
