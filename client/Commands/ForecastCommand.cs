using System.CommandLine;
using System.Globalization;
using Rudder.Client.Evaluation;
using Rudder.Client.Forecasts;
using Rudder.Client.Reports;

namespace Rudder.Client.Commands;

/// <summary><c>client forecast</c>: scores of forecast probabilities.</summary>
internal sealed class ForecastCommand : ClientCommand
{
    private const string Help = """
        Reads forecast probabilities of yes-or-no events and their outcomes from a CSV file. Prints accuracy, log loss, Brier
        score and a reliability diagram as a table, and writes the diagram as one self-contained HTML page. A wrong forecast
        of exactly 0 or 1 has an infinite log loss; it is clipped to machine epsilon and counted.

        Example:
          client forecast experiments/forecast/forecasts.csv --output forecast.html
        """;

    private readonly Argument<string> _file = new("file") { Description = "CSV file; its first line names the columns" };
    private readonly Option<string> _probability = OptionOf.Default(
        "--probability", ForecastFile.ProbabilityColumn, "Column of the probability, 0 to 1");
    private readonly Option<string> _outcome = OptionOf.Default("--outcome", ForecastFile.OutcomeColumn, "Column of the outcome, 1 or 0");
    private readonly Option<int> _bins = OptionOf.Default("--bins", 10, "Groups of the reliability diagram, 1 to 100");
    private readonly Option<string> _output = OptionOf.Default("--output", "forecast.html", "HTML file");

    /// <summary>Creates the command.</summary>
    public ForecastCommand()
        : base("forecast", Help)
    {
        Arguments.Add(_file);
        Add(_probability, _outcome, _bins, _output);
    }

    protected override Task WorkAsync(ParseResult parsed, Display display, CancellationToken cancel)
    {
        ForecastFile file = new(
            parsed.GetRequiredValue(_file), parsed.GetRequiredValue(_probability), parsed.GetRequiredValue(_outcome));
        var result = ForecastResult.Of(file.File, file.Read(), parsed.GetValue(_bins));
        string output = parsed.GetRequiredValue(_output);
        ForecastPage.Write(result, output);
        if (result.LogLossClipped > 0)
        {
            display.Line(
                $"warning: {result.LogLossClipped} forecasts gave no chance to what happened. Their log loss is infinite; each counts as 36.04 nats (clipped to machine epsilon).");
        }

        Result(parsed, result, shown =>
        {
            shown.Line(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{result.Forecasts} forecasts: accuracy {result.Accuracy:0.0000}  log loss {result.LogLoss:0.0000}  Brier {result.Brier:0.0000}"));
            shown.Table(["forecast", "forecasts", "mean forecast", "observed share [95 %]"], result.Bins.Select(Row));
            shown.Line($"report: {output}");
        });
        return Task.CompletedTask;
    }

    private static IEnumerable<string> Row(ReliabilityBin bin)
    {
        string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
        return
        [
            $"{Number(bin.Low, "0.00")}-{Number(bin.High, "0.00")}",
            Number(bin.Forecasts, "0"),
            Number(bin.MeanForecast, "0.000"),
            Interval.Text(bin.Observed, bin.ObservedCi, "0.000"),
        ];
    }
}
