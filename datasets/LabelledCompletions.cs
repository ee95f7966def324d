namespace Rudder.Datasets;

/// <summary>A completion of a prompt with a judgement of its own: no pair is needed. Both are texts, or both are token ids.</summary>
/// <param name="Place">"FILE:LINE" of its row.</param>
/// <param name="Prompt">The prompt's text; null where the row has ids.</param>
/// <param name="Completion">The completion's text; null where the row has ids.</param>
/// <param name="PromptIds">The prompt's token ids; null where the row has texts.</param>
/// <param name="CompletionIds">The completion's token ids; null where the row has texts.</param>
/// <param name="Desirable">Whether it is a good completion.</param>
public sealed record LabelledCompletion(
    string Place, string? Prompt, string? Completion, int[]? PromptIds, int[]? CompletionIds, bool Desirable);

/// <summary>
/// Reads unpaired preferences from a data file: <c>{"prompt", "completion", "label"}</c>, or
/// <c>{"prompt_ids", "completion_ids", "label"}</c> with token ids. <c>label</c> is true or false.
/// </summary>
/// <example><code>
/// double share = LabelledCompletions.Read("feedback.jsonl").Average(row => row.Desirable ? 1.0 : 0);
/// </code></example>
public static class LabelledCompletions
{
    private const string Shape =
        "{\"prompt\", \"completion\", \"label\"} with two strings and true or false, or {\"prompt_ids\", \"completion_ids\", \"label\"}";

    /// <summary>Streams the rows of a file. Other columns are ignored.</summary>
    /// <param name="path">A .jsonl, .json, .csv or .parquet file; all but .parquet also packed (.gz, .zst).</param>
    /// <param name="settings">Names of columns, and what happens to rows that cannot be used.</param>
    /// <exception cref="DatasetException">An unreadable file, or a row that lacks a column or mixes texts and ids.</exception>
    public static IEnumerable<LabelledCompletion> Read(string path, RowSettings? settings = null)
    {
        settings = (settings ?? RowSettings.Default) with { Shape = Shape };
        foreach (var (_, row) in DataRows.Read(path, settings))
        {
            LabelledCompletion? completion = settings.Use(() => Read(row));
            if (completion is not null)
            {
                yield return completion;
            }
        }
    }

    private static LabelledCompletion Read(JsonRow row)
    {
        bool label = row.OptionalFlag("label") ?? throw row.Bad("label", "is missing; true (desirable) or false belongs there");
        int[]? promptIds = row.OptionalIntegers("prompt_ids"), completionIds = row.OptionalIntegers("completion_ids");
        if (promptIds is null && completionIds is null)
        {
            return new LabelledCompletion(row.Place, row.Text("prompt"), row.FilledText("completion"), null, null, label);
        }

        return new LabelledCompletion(
            row.Place,
            null,
            null,
            promptIds ?? throw row.Bad("prompt_ids", "is missing; a row with 'completion_ids' needs both"),
            completionIds ?? throw row.Bad("completion_ids", "is missing; a row with 'prompt_ids' needs both"),
            label);
    }
}
