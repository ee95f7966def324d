namespace Rudder.Terminal;

/// <summary>Suggests the known word that a mistyped one most likely means.</summary>
public static class Spelling
{
    /// <summary>The end of an error message about an unknown word: " Did you mean 'learning_rate'?", or empty where no known word is near.</summary>
    /// <param name="word">The unknown word.</param>
    /// <param name="known">The words that are accepted here.</param>
    public static string Hint(string word, IEnumerable<string> known) =>
        Nearest(word, known) is { } meant ? $" Did you mean '{meant}'?" : "";

    /// <summary>The known word with the fewest edits to <paramref name="word"/>; case does not count.</summary>
    /// <param name="word">The unknown word.</param>
    /// <param name="known">The words that are accepted here.</param>
    /// <returns>Null where every known word is more than a third of its length, and more than one edit, away.</returns>
    public static string? Nearest(string word, IEnumerable<string> known) =>
        known
            .Where(candidate => Math.Abs(candidate.Length - word.Length) <= Limit(candidate))
            .Select(candidate => (Word: candidate, Edits: Distance(word.ToLowerInvariant(), candidate.ToLowerInvariant())))
            .Where(candidate => candidate.Edits <= Limit(candidate.Word))
            .OrderBy(candidate => candidate.Edits)
            .Select(candidate => candidate.Word)
            .FirstOrDefault();

    private static int Limit(string candidate) => Math.Max(1, candidate.Length / 3);

    /// <summary>Insertions, deletions, substitutions and swaps of neighbours that turn one text into the other (optimal string alignment).</summary>
    public static int Distance(string a, string b)
    {
        int[,] edits = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    edits[i, j] = i + j;
                    continue;
                }

                int substituted = edits[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                edits[i, j] = Math.Min(substituted, 1 + Math.Min(edits[i - 1, j], edits[i, j - 1]));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    edits[i, j] = Math.Min(edits[i, j], 1 + edits[i - 2, j - 2]);
                }
            }
        }

        return edits[a.Length, b.Length];
    }
}
