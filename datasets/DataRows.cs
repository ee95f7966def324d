using System.Text;
using System.Text.Json;

namespace Rudder.Datasets;

/// <summary>
/// Streams the rows of a data file of any kind: .jsonl, .json, .csv, .parquet or .txt; all but Parquet also packed (.gz, .zst).
/// </summary>
internal static class DataRows
{
    private const int Depth = 32;
    private static readonly string[] Tables = [".jsonl", ".ndjson", ".json", ".csv", ".parquet"];

    /// <summary>Whether the file's ending names a kind of rows with named values.</summary>
    public static bool IsTable(string path) => Tables.Contains(Ending(path));

    /// <summary>Line number and values of each row. A row is valid only until the next one is read.</summary>
    /// <param name="path">Its ending says how it is read.</param>
    /// <param name="settings">Names of columns, and what happens to rows that cannot be used.</param>
    /// <exception cref="DatasetException">An unreadable file, another ending, or a row that is not an object.</exception>
    public static IEnumerable<(int Number, JsonRow Row)> Read(string path, RowSettings? settings = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        settings ??= RowSettings.Default;
        return Ending(path) switch
        {
            ".jsonl" or ".ndjson" => Lines(path, settings),
            ".json" => Json(path, settings),
            ".csv" => CsvRows.Read(path, settings),
            ".parquet" => ParquetRows.Read(path, settings),
            ".txt" => Texts(path, settings),
            _ => throw new DatasetException(
                $"{path}: the ending does not say what the file holds. Name it .jsonl, .json, .csv or .txt (each also with .gz or .zst), "
                + "or .parquet."),
        };
    }

    private static string Ending(string path) =>
        Path.GetExtension(TextLines.IsPacked(path) ? Path.GetFileNameWithoutExtension(path) : path);

    private static IEnumerable<(int Number, JsonRow Row)> Lines(string path, RowSettings settings)
    {
        foreach (var (number, line) in TextLines.Read(path))
        {
            using JsonDocument? document = settings.Use(() => Parse($"{path}:{number}", line));
            if (document is not null)
            {
                yield return (number, new JsonRow($"{path}:{number}", document.RootElement, settings));
            }
        }
    }

    private static JsonDocument Parse(string place, string line)
    {
        try
        {
            var document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = Depth });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document
                : throw new DatasetException($"{place}: is not a JSON object. Each line is one object.") { Row = place };
        }
        catch (JsonException e)
        {
            throw new DatasetException($"{place}: not valid JSON ({e.Message}). Each line is one object.", e) { Row = place };
        }
    }

    /// <summary>An array of objects; but many .json files hold JSON Lines.</summary>
    private static IEnumerable<(int Number, JsonRow Row)> Json(string path, RowSettings settings)
    {
        string text = TextLines.ReadAll(path);
        if (!text.AsSpan().TrimStart().StartsWith("["))
        {
            return Lines(path, settings);
        }

        return Elements(path, text, settings);
    }

    private static IEnumerable<(int Number, JsonRow Row)> Elements(string path, string text, RowSettings settings)
    {
        foreach (var (line, element) in Elements(path, Encoding.UTF8.GetBytes(text)))
        {
            string place = $"{path}:{line}";
            JsonRow? row = settings.Use(() => element.ValueKind == JsonValueKind.Object
                ? new JsonRow(place, element, settings)
                : throw new DatasetException($"{place}: holds an element that is not an object. The file is one array of objects.") { Row = place });
            if (row is not null)
            {
                yield return (line, row);
            }
        }
    }

    /// <summary>The elements of an array with the line that each begins on.</summary>
    private static List<(int Line, JsonElement Element)> Elements(string path, byte[] json)
    {
        List<(int, JsonElement)> elements = [];
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Depth });
        (int line, int counted) = (1, 0);
        try
        {
            reader.Read(); // the bracket
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                int start = (int)reader.TokenStartIndex;
                line += json.AsSpan(counted..start).Count((byte)'\n');
                counted = start;
                elements.Add((line, JsonElement.ParseValue(ref reader)));
            }

            reader.Read(); // refuses text after the array
            return elements;
        }
        catch (JsonException e)
        {
            string place = $"{path}:{(e.LineNumber ?? 0) + 1}";
            throw new DatasetException($"{place}: not valid JSON ({e.Message}). The file is one array of objects.", e);
        }
    }

    private static IEnumerable<(int Number, JsonRow Row)> Texts(string path, RowSettings settings)
    {
        IEnumerable<(int Number, string Text)> texts = settings.WholeTexts ? [(1, TextLines.ReadAll(path))] : TextLines.Read(path);
        foreach (var (number, text) in texts)
        {
            JsonElement row = JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["text"] = text });
            yield return (number, new JsonRow($"{path}:{number}", row, settings));
        }
    }
}
