namespace Rudder.InferenceService.Settings;

/// <summary>Suggests the known name that a misspelled one was meant to be.</summary>
internal static class Spelling
{
    private const int MaxEdits = 2;

    /// <summary>" Did you mean 'MaxSlots'?", or empty if no known name is close.</summary>
    /// <param name="word">The unknown name.</param>
    /// <param name="known">The names that exist.</param>
    public static string Suggest(string word, IEnumerable<string> known) =>
        known.Select(name => (Name: name, Edits: Edits(word.ToUpperInvariant(), name.ToUpperInvariant())))
            .Where(candidate => candidate.Edits <= MaxEdits).OrderBy(candidate => candidate.Edits).Select(candidate => candidate.Name)
            .FirstOrDefault() is { } meant ? $" Did you mean '{meant}'?" : "";

    // Levenshtein distance, row by row.
    private static int Edits(string word, string name)
    {
        int[] row = [.. Enumerable.Range(0, name.Length + 1)];
        for (int i = 0; i < word.Length; i++)
        {
            (int diagonal, row[0]) = (i, i + 1);
            for (int j = 0; j < name.Length; j++)
            {
                int replaced = diagonal + (word[i] == name[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = Math.Min(replaced, Math.Min(diagonal, row[j]) + 1);
            }
        }

        return row[^1];
    }
}
