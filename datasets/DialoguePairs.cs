namespace Rudder.Datasets;

/// <summary>A dialogue with two final answers, of which people prefer one.</summary>
/// <param name="Id">"FILE:LINE".</param>
/// <param name="Prompt">The dialogue up to and with its last "Assistant:".</param>
/// <param name="Chosen">The preferred answer, including its leading blank.</param>
/// <param name="Rejected">The other one, including its leading blank.</param>
public sealed record DialoguePair(string Id, string Prompt, string Chosen, string Rejected);

/// <summary>
/// Reads pairs of whole dialogues from a data file: <c>{"chosen", "rejected"}</c> as in HH-RLHF, where turns begin with
/// "\n\nHuman:" and "\n\nAssistant:".
/// </summary>
/// <example><code>
/// foreach (DialoguePair pair in DialoguePairs.Read("helpful-base.test.jsonl.gz").OfType&lt;DialoguePair&gt;())
/// {
///     Console.WriteLine($"{pair.Prompt}{pair.Chosen}");
/// }
/// </code></example>
public static class DialoguePairs
{
    /// <summary>Streams the pairs of a file, one for each line.</summary>
    /// <param name="path">A .jsonl, .json, .csv or .parquet file; all but .parquet also packed (.gz, .zst).</param>
    /// <returns>Null for a line that cannot be used: the dialogues differ before the last answer, an answer is empty, or both are equal.</returns>
    /// <exception cref="DatasetException">An unreadable file or a malformed row.</exception>
    public static IEnumerable<DialoguePair?> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string name = Path.GetFileName(path);
        foreach (var (number, row) in DataRows.Read(path))
        {
            var dialogue = ImplicitPrompt.AtLastAnswer(row.Text("chosen"), row.Text("rejected"));
            yield return dialogue is (string prompt, string chosen, string rejected)
                && chosen != rejected && !string.IsNullOrWhiteSpace(chosen) && !string.IsNullOrWhiteSpace(rejected)
                    ? new DialoguePair($"{name}:{number}", prompt, chosen, rejected)
                    : null;
        }
    }
}
