using System.Globalization;
using System.Text.Json;
using CsvHelper;
using CsvHelper.Configuration;

namespace Rudder.Datasets;

/// <summary>
/// Streams the rows of a CSV file (RFC 4180). The first line names the columns; cells keep blanks, tabs and quoted line breaks.
/// </summary>
internal static class CsvRows
{
    /// <summary>Line on which each row begins, and its cells by column. Blank lines are left out, as pandas does.</summary>
    public static IEnumerable<(int Number, JsonRow Row)> Read(string path, RowSettings settings)
    {
        bool damaged = false;
        var rules = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            IgnoreBlankLines = false, // they count as lines
            BadDataFound = cell => damaged |= cell.Field.StartsWith('"'), // a quote inside a cell that begins without one is a character
        };
        using StreamReader text = TextLines.Open(path);
        using var parser = new CsvParser(text, rules);
        string[]? header = null;
        for (int line = 1, next; ; line = next)
        {
            string[]? cells = TextLines.Guard(path, line, () => parser.Read() ? parser.Record : null);
            if (cells is null)
            {
                break;
            }

            next = parser.RawRow + 1;
            if (cells.Length == 1 && string.IsNullOrWhiteSpace(cells[0]))
            {
                continue;
            }

            if (header is null)
            {
                header = Header($"{path}:{line}", cells);
                continue;
            }

            bool broken = damaged;
            damaged = false;
            int number = line;
            JsonRow? row = settings.Use(() => Row($"{path}:{number}", header, cells, broken, settings));
            if (row is not null)
            {
                yield return (line, row);
            }
        }

        if (header is null)
        {
            throw new DatasetException($"{path}: is empty. Its first line must name the columns, as in prompt,chosen,rejected.");
        }
    }

    private static string[] Header(string place, string[] names) =>
        names.Distinct(StringComparer.Ordinal).Count() == names.Length
            ? names
            : throw new DatasetException($"{place}: names a column twice. Give every column its own name.");

    private static JsonRow Row(string place, string[] header, string[] cells, bool broken, RowSettings settings)
    {
        if (broken)
        {
            throw new DatasetException(
                $"{place}: a quoted cell does not end with its quote. Write quotes inside a quoted cell twice, and close the cell.")
            {
                Row = place,
            };
        }

        if (cells.Length > header.Length)
        {
            throw new DatasetException(
                $"{place}: has {cells.Length} cells; the first line names {header.Length} columns. Put cells with commas into quotes.")
            {
                Row = place,
            };
        }

        var values = header.Zip(cells).ToDictionary(cell => cell.First, cell => cell.Second); // cells at the end may be absent
        return new JsonRow(place, JsonSerializer.SerializeToElement(values), settings, "column", cells: true);
    }
}
