namespace Rudder.Datasets;

/// <summary>
/// Reads what a language model learns from: whole texts <c>{"text"}</c>, or completions of prompts <c>{"prompt", "completion"}</c>. Of pairs,
/// <c>{"prompt", "chosen", "rejected"}</c> or without prompt, it takes the chosen side.
/// </summary>
public static class TrainingTexts
{
    private const string Shape = "{\"text\"}, {\"prompt\", \"completion\"}, {\"prompt\", \"chosen\"} or {\"chosen\", \"rejected\"}, each a string";

    /// <summary>Streams the texts of a file, of the first shape that a row has. Other columns are ignored.</summary>
    /// <param name="path">A .jsonl, .json, .csv, .txt or .parquet file; all but .parquet also packed (.gz, .zst).</param>
    /// <param name="settings">Names of columns, and what happens to rows that cannot be used.</param>
    /// <param name="cleanHtml">Whether texts pass through <see cref="TextCleaning.Clean"/>, which rows with a prompt do not allow.</param>
    /// <exception cref="DatasetException">An unreadable file, or a row of none of these shapes.</exception>
    public static IEnumerable<Review> Read(string path, RowSettings? settings = null, bool cleanHtml = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        settings = (settings ?? RowSettings.Default) with { Shape = Shape };
        bool mapsText = settings.Columns.Count == 0 || settings.Columns.ContainsKey("text"); // whoever maps a prompt means the prompt
        foreach (var (number, row) in DataRows.Read(path, settings))
        {
            Review? text = settings.Use(() => Read(row, $"{Path.GetFileName(path)}:{number}", cleanHtml, mapsText));
            if (text is not null)
            {
                yield return text with { Place = row.Place };
            }
        }
    }

    private static Review Read(JsonRow row, string place, bool cleanHtml, bool readsText)
    {
        string id = row.OptionalId("id") ?? place;
        if (readsText && row.Has("text"))
        {
            return new Review(id, Reviews.Text(row, cleanHtml), null);
        }

        string? side = row.Has("completion") ? "completion" : row.Has("chosen") ? "chosen" : null;
        if (side is null)
        {
            _ = row.OptionalText("messages"); // a list of messages has an error of its own
            throw row.Bad("text", "is missing, and so are 'completion' and 'chosen'");
        }

        if (cleanHtml)
        {
            throw row.Bad(side, "stands in a row with a prompt, where clean_html would take blanks between both. Turn it off");
        }

        if (side == "completion" || row.Has("prompt"))
        {
            return new Review(id, row.FilledText(side), null) { Prompt = row.Text("prompt") };
        }

        (string prompt, string chosen, _) = PreferencePairs.Cut(row);
        return new Review(id, chosen, null) { Prompt = prompt };
    }
}
