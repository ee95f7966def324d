namespace Rudder.Datasets;

/// <summary>A text and, where it was asked for, its class.</summary>
/// <param name="Id">Its id in the source; "FILE:LINE" where the source has none.</param>
/// <param name="Text">The text, cleaned only where that was asked for.</param>
/// <param name="Label">Its class, from 0; null where the row has none or labels are not read.</param>
public sealed record Review(string Id, string Text, int? Label);

/// <summary>Reads reviews from JSON Lines, packed or not: <c>{"text", "id", "label"}</c>.</summary>
/// <example><code>
/// int positive = Reviews.Read("imdb.train.jsonl.gz", cleanHtml: true, labels: true).Count(review => review.Label == 1);
/// </code></example>
public static class Reviews
{
    /// <summary>Streams the reviews of a file. An id may be a string or a number; other keys are ignored.</summary>
    /// <param name="path">A .jsonl or .jsonl.gz file.</param>
    /// <param name="cleanHtml">Whether texts pass through <see cref="TextCleaning.Clean"/>. The default keeps every character.</param>
    /// <param name="labels">Whether <c>label</c> is read and checked. The default ignores it.</param>
    /// <exception cref="DatasetException">An unreadable file, a malformed row or an empty text.</exception>
    public static IEnumerable<Review> Read(string path, bool cleanHtml = false, bool labels = false)
    {
        foreach (var (number, row) in JsonRows.Read(path))
        {
            string text = row.Text("text");
            text = cleanHtml ? TextCleaning.Clean(text) : text;
            if (text.Length == 0)
            {
                throw row.Bad("text", cleanHtml ? "holds only white space, control characters and line-break tags" : "is empty");
            }

            int? label = labels ? row.OptionalInteger("label") : null;
            yield return label is null or >= 0
                ? new Review(row.OptionalId("id") ?? $"{Path.GetFileName(path)}:{number}", text, label)
                : throw row.Bad("label", $"is {label}; classes count from 0");
        }
    }
}
