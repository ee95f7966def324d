namespace Rudder.Datasets;

/// <summary>A text with, perhaps, a class.</summary>
/// <param name="Id">Its id in the source; "FILE:LINE" where the source has none.</param>
/// <param name="Text">The cleaned text.</param>
/// <param name="Label">Its class, or null where it is not labelled.</param>
public sealed record Review(string Id, string Text, int? Label);

/// <summary>Reads reviews from JSON Lines, packed or not: <c>{"text", "id", "label"}</c>.</summary>
public static class Reviews
{
    /// <summary>Streams the reviews of a file, their texts cleaned by <see cref="TextCleaning.Clean"/>.</summary>
    /// <param name="path">A .jsonl or .jsonl.gz file.</param>
    /// <exception cref="DatasetException">An unreadable file or a malformed row.</exception>
    public static IEnumerable<Review> Read(string path)
    {
        foreach (var (number, row) in JsonRows.Read(path))
        {
            string text = TextCleaning.Clean(row.Text("text"));
            if (text.Length == 0)
            {
                throw row.Bad("text", "holds nothing but white space and control characters");
            }

            int? label = row.OptionalInteger("label");
            yield return label is null or >= 0
                ? new Review(row.OptionalText("id") ?? $"{Path.GetFileName(path)}:{number}", text, label)
                : throw row.Bad("label", $"is {label}; classes count from 0");
        }
    }
}
