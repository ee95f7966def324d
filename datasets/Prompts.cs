namespace Rudder.Datasets;

/// <summary>A text to be continued.</summary>
/// <param name="Id">Names it in results; unique in its file.</param>
/// <param name="Text">The text, as it is in the file.</param>
public sealed record Prompt(string Id, string Text);

/// <summary>Reads prompts from rows (<c>{"id", "text"}</c> or <c>{"id", "prompt"}</c>) or from a plain text, one a line.</summary>
public static class Prompts
{
    /// <summary>Streams the prompts of a file. In a plain text the id is "FILE:LINE".</summary>
    /// <param name="path">A .jsonl, .json, .csv or .parquet file; any other ending is a plain text. All but .parquet also packed (.gz, .zst).</param>
    /// <exception cref="DatasetException">An unreadable file, a malformed row, or an id used twice.</exception>
    public static IEnumerable<Prompt> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string name = Path.GetFileName(path);
        return DataRows.IsTable(path) ? ReadRows(path) : TextLines.Read(path).Select(line => new Prompt($"{name}:{line.Number}", line.Line));
    }

    private static IEnumerable<Prompt> ReadRows(string path)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (number, row) in DataRows.Read(path))
        {
            string? prompt = row.OptionalText("prompt");
            string? text = row.OptionalText("text");
            if (prompt is not null && text is not null)
            {
                throw row.Bad("text", "is given beside 'prompt'; a row takes one of them");
            }

            prompt ??= text ?? throw row.Bad("text", "is missing, and so is 'prompt'; a row takes one of them");
            if (prompt.Length == 0)
            {
                throw row.Bad("text", "is empty; a model needs at least one token to continue");
            }

            string id = row.OptionalId("id") ?? $"{Path.GetFileName(path)}:{number}";
            if (!seen.TryAdd(id, number))
            {
                throw row.Bad("id", $"is '{id}', as in line {seen[id]}; ids must differ, because results are matched by id");
            }

            yield return new Prompt(id, prompt);
        }
    }
}
