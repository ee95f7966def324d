using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace Rudder.Client.Forecasts;

/// <summary>A CSV file of forecasts: its first line names the columns, every other line is one forecast.</summary>
/// <param name="File">Path.</param>
/// <param name="Probability">Column of the forecast probability. Default probability.</param>
/// <param name="Outcome">Column of the outcome, 1 or 0. Default outcome.</param>
internal sealed record ForecastFile(
    string File,
    string Probability = ForecastFile.ProbabilityColumn,
    string Outcome = ForecastFile.OutcomeColumn)
{
    /// <summary>Default name of the column of probabilities.</summary>
    public const string ProbabilityColumn = "probability";

    /// <summary>Default name of the column of outcomes.</summary>
    public const string OutcomeColumn = "outcome";

    /// <summary>All forecasts. Other columns are ignored.</summary>
    /// <exception cref="BadInputException">The file is missing, empty or malformed; the message names the line.</exception>
    public IReadOnlyList<Forecast> Read()
    {
        if (!System.IO.File.Exists(File))
        {
            throw new BadInputException($"The forecast file {Path.GetFullPath(File)} does not exist.");
        }

        using StreamReader text = new(File);
        using CsvReader csv = new(
            text, new CsvConfiguration(CultureInfo.InvariantCulture) { TrimOptions = TrimOptions.Trim, MissingFieldFound = null });
        try
        {
            return [.. Rows(csv)];
        }
        catch (CsvHelperException malformed)
        {
            throw new BadInputException(
                $"{File}, line {csv.Parser.RawRow} is not CSV: {malformed.Message.Split('\n')[0].Trim()}", malformed);
        }
    }

    private IEnumerable<Forecast> Rows(CsvReader csv)
    {
        if (!csv.Read() || !csv.ReadHeader())
        {
            throw new BadInputException($"{File} is empty; its first line must name the columns, e.g. {ProbabilityColumn},{OutcomeColumn}.");
        }

        string[] columns = csv.HeaderRecord!;
        (int probability, int outcome) = (Column(columns, Probability, "--probability"), Column(columns, Outcome, "--outcome"));
        bool any = false;
        while (csv.Read())
        {
            any = true;
            string place = $"{File}, line {csv.Parser.RawRow}";
            yield return new Forecast(
                Number(csv.GetField(probability), p => p is >= 0 and <= 1, place, Probability, "a probability between 0 and 1, e.g. 0.7"),
                Number(csv.GetField(outcome), o => o is 0 or 1, place, Outcome, "1 where the event happened, else 0") == 1);
        }

        BadInputException.Unless(any, $"{File} has a line of column names, but no forecasts below it.");
    }

    private int Column(string[] columns, string name, string option) =>
        Array.IndexOf(columns, name) is >= 0 and int found
            ? found
            : throw new BadInputException(
                $"{File}, line 1 has no column '{name}'; it has {string.Join(", ", columns.Select(column => $"'{column}'"))}. Name the column with {option} NAME.");

    private static double Number(string? cell, Func<double, bool> allowed, string place, string column, string expected) =>
        double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && allowed(number)
            ? number
            : throw new BadInputException($"{place}: {column} is {(string.IsNullOrEmpty(cell) ? "missing" : $"'{cell}'")}; it must be {expected}.");
}
