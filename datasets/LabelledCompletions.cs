namespace Rudder.Datasets;

/// <summary>A completion of a prompt with a judgement of its own: no pair is needed. Both are texts, or both are token ids.</summary>
/// <param name="Line">Its line in the file, from 1.</param>
/// <param name="Prompt">The prompt's text; null where the row has ids.</param>
/// <param name="Completion">The completion's text; null where the row has ids.</param>
/// <param name="PromptIds">The prompt's token ids; null where the row has texts.</param>
/// <param name="CompletionIds">The completion's token ids; null where the row has texts.</param>
/// <param name="Desirable">Whether it is a good completion.</param>
public sealed record LabelledCompletion(
    int Line, string? Prompt, string? Completion, int[]? PromptIds, int[]? CompletionIds, bool Desirable);

/// <summary>
/// Reads unpaired preferences from JSON Lines, packed or not: <c>{"prompt", "completion", "label"}</c>, or
/// <c>{"prompt_ids", "completion_ids", "label"}</c> with token ids. <c>label</c> is true or false.
/// </summary>
/// <example><code>
/// double share = LabelledCompletions.Read("feedback.jsonl").Average(row => row.Desirable ? 1.0 : 0);
/// </code></example>
public static class LabelledCompletions
{
    /// <summary>Streams the rows of a file. Other keys are ignored.</summary>
    /// <param name="path">A .jsonl or .jsonl.gz file.</param>
    /// <exception cref="DatasetException">An unreadable file, or a row that lacks a key or mixes texts and ids.</exception>
    public static IEnumerable<LabelledCompletion> Read(string path)
    {
        foreach (var (number, row) in JsonRows.Read(path))
        {
            bool label = row.OptionalFlag("label") ?? throw row.Bad("label", "is missing; true (desirable) or false belongs there");
            int[]? promptIds = row.OptionalIntegers("prompt_ids"), completionIds = row.OptionalIntegers("completion_ids");
            if (promptIds is null && completionIds is null)
            {
                yield return new LabelledCompletion(number, row.Text("prompt"), row.Text("completion"), null, null, label);
                continue;
            }

            yield return new LabelledCompletion(
                number,
                null,
                null,
                promptIds ?? throw row.Bad("prompt_ids", "is missing; a row with 'completion_ids' needs both"),
                completionIds ?? throw row.Bad("completion_ids", "is missing; a row with 'prompt_ids' needs both"),
                label);
        }
    }
}
