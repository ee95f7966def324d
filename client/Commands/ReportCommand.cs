using System.CommandLine;
using Rudder.Client.Processes;
using Rudder.Client.Reports;

namespace Rudder.Client.Commands;

/// <summary><c>client report</c>: the page of a finished run.</summary>
internal sealed class ReportCommand : ClientCommand
{
    private const string Help = """
        Writes one self-contained HTML page about a finished run: frontier, pairs, training curves, samples, settings, how to
        reproduce. It needs no network to be read. The frontier is also written as a picture beside the page: frontier.svg
        for report.html, NAME.frontier.svg for NAME.html. --pdf also prints the page with an installed Chromium, Chrome or
        Edge.

        Examples:
          client report runs/imdb-dpo-demo --output demo.html
          client report runs/imdb-dpo-demo --pdf demo.pdf
        """;

    private readonly Argument<string> _run = new("run") { Description = "Folder of the run, e.g. runs/imdb-dpo-demo" };
    private readonly Option<string?> _output = OptionOf.Optional("--output", "FILE", "HTML file; default report.html in the run's folder");
    private readonly Option<string?> _pdf = OptionOf.Optional("--pdf", "FILE.pdf", "Also print the page to this PDF file");
    private readonly Option<string?> _browser = OptionOf.Optional(
        HeadlessBrowser.Option, "PATH",
        $"Browser that prints it; by default that of {HeadlessBrowser.Variable}, on PATH or in the usual places");

    public ReportCommand()
        : base("report", Help)
    {
        Arguments.Add(_run);
        Add(_output, _pdf, _browser);
        Validators.Add(result =>
        {
            if (result.GetResult(_browser) is not null && result.GetResult(_pdf) is null)
            {
                result.AddError($"{HeadlessBrowser.Option} prints a PDF file; name it with --pdf FILE.pdf.");
            }
        });
    }

    protected override async Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        string folder = parsed.GetRequiredValue(_run);
        string file = parsed.GetValue(_output) ?? Path.Combine(folder, ReportWriter.FileName);
        string? pdf = parsed.GetValue(_pdf);
        BadInputException.Unless(
            pdf is null || Path.GetFullPath(pdf) != Path.GetFullPath(file),
            $"--pdf and --output both name {file}; give the PDF file its own name.");
        BadInputException.Unless(pdf is null || !Directory.Exists(pdf), $"--pdf is '{pdf}', which is a folder; name a file in it.");
        string? browser = pdf is null ? null : HeadlessBrowser.Find(parsed.GetValue(_browser)); // before anything is written
        ReportWriter.Write(folder, file);
        if (pdf is not null)
        {
            await new HeadlessBrowser(browser!, TimeProvider.System).PrintAsync(file, pdf, HeadlessBrowser.Limit, cancel);
        }

        Result(parsed, new { Report = file, Pdf = pdf }, shown =>
        {
            shown.Line($"report: {file}");
            if (pdf is not null)
            {
                shown.Line($"pdf: {pdf}");
            }
        });
    }
}
