namespace Rudder.Datasets;

/// <summary>A text and, where it was asked for, its class.</summary>
/// <param name="Id">Its id in the source; "FILE:LINE" where the source has none.</param>
/// <param name="Text">The text, cleaned only where that was asked for.</param>
/// <param name="Label">Its class, from 0; null where the row has none or labels are not read.</param>
public sealed record Review(string Id, string Text, int? Label)
{
    /// <summary>The prompt that <see cref="Text"/> completes; null where it is a whole text.</summary>
    public string? Prompt { get; init; }

    /// <summary>"FILE:LINE" of a text to train on; null where nothing needs it.</summary>
    public string? Place { get; init; }
}

/// <summary>Reads reviews from a data file: <c>{"text", "id", "label"}</c>.</summary>
/// <example><code>
/// int positive = Reviews.Read("imdb.train.jsonl.gz", cleanHtml: true, labels: true).Count(review => review.Label == 1);
/// </code></example>
public static class Reviews
{
    /// <summary>Streams the reviews of a file. An id may be a string or a number; other keys are ignored.</summary>
    /// <param name="path">A .jsonl, .json, .csv or .parquet file; all but .parquet also packed (.gz, .zst).</param>
    /// <param name="cleanHtml">Whether texts pass through <see cref="TextCleaning.Clean"/>. The default keeps every character.</param>
    /// <param name="labels">Whether <c>label</c> is read and checked. The default ignores it.</param>
    /// <exception cref="DatasetException">An unreadable file, a malformed row or an empty text.</exception>
    public static IEnumerable<Review> Read(string path, bool cleanHtml = false, bool labels = false)
    {
        foreach (var (number, row) in DataRows.Read(path))
        {
            string text = Text(row, cleanHtml);
            int? label = labels ? row.OptionalInteger("label") : null;
            yield return label is null or >= 0
                ? new Review(row.OptionalId("id") ?? $"{Path.GetFileName(path)}:{number}", text, label)
                : throw row.Bad("label", $"is {label}; classes count from 0");
        }
    }

    /// <summary>The text of a row, cleaned where that is asked for.</summary>
    internal static string Text(JsonRow row, bool cleanHtml)
    {
        string text = row.Text("text");
        text = cleanHtml ? TextCleaning.Clean(text) : text;
        return text.Length > 0
            ? text
            : throw row.Bad("text", cleanHtml ? "holds only white space, control characters and line-break tags" : "is empty");
    }
}
