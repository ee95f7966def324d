namespace Rudder.Datasets;

/// <summary>A review and its rewrite of opposite sentiment, cut where they begin to differ.</summary>
/// <param name="Id">Its id in the source.</param>
/// <param name="Prompt">The words that both begin with.</param>
/// <param name="Chosen">The rest of the positive one, including its leading blank.</param>
/// <param name="Rejected">The rest of the negative one, including its leading blank.</param>
/// <param name="Source">Ids of the real review among the labelled ones; leave them out of fine-tuning when these pairs are for testing.</param>
public sealed record CounterfactualPair(string Id, string Prompt, string Chosen, string Rejected, IReadOnlyList<string> Source);

/// <summary>Reads counterfactual pairs from JSON Lines: <c>{"prompt", "chosen", "rejected", "id", "source"}</c>.</summary>
public static class CounterfactualPairs
{
    /// <summary>Streams the pairs of a file. Both texts are cleaned as a whole and then cut again, because a tag may cross the cut.</summary>
    /// <param name="path">A .jsonl, .json, .csv or .parquet file; all but .parquet also packed (.gz, .zst).</param>
    /// <exception cref="DatasetException">An unreadable file or a malformed row.</exception>
    public static IEnumerable<CounterfactualPair> Read(string path)
    {
        foreach (var (number, row) in DataRows.Read(path))
        {
            string prompt = row.Text("prompt");
            string[] chosen = TextCleaning.Clean(prompt + row.Text("chosen")).Split(' ');
            string[] rejected = TextCleaning.Clean(prompt + row.Text("rejected")).Split(' ');
            int shared = chosen.AsSpan().CommonPrefixLength(rejected);
            if (shared == chosen.Length && shared == rejected.Length)
            {
                throw row.Bad("chosen", "and 'rejected' are the same text");
            }

            shared = Math.Min(shared, Math.Min(chosen.Length, rejected.Length) - 1); // where one text begins with the other, each side keeps a word

            yield return new CounterfactualPair(
                row.OptionalId("id") ?? $"{Path.GetFileName(path)}:{number}",
                string.Join(' ', chosen[..shared]),
                Rest(chosen, shared),
                Rest(rejected, shared),
                row.Ids("source"));
        }
    }

    private static string Rest(string[] words, int from) => (from > 0 ? " " : "") + string.Join(' ', words[from..]);
}
