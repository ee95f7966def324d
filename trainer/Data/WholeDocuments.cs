namespace Rudder.Trainer.Data;

/// <summary>Documents kept apart, each cut to the context and, where it fits whole, closed by the end-of-text token.</summary>
internal sealed class WholeDocuments : ISequences
{
    private readonly int[][] rows;
    private readonly string[] names;

    /// <summary>Cuts the documents; those of fewer than 2 tokens have nothing to predict and are left out.</summary>
    /// <param name="documents">Name and ids of each document.</param>
    /// <param name="endOfText">Id put after each whole document.</param>
    /// <param name="length">Tokens the model reads at most.</param>
    public WholeDocuments(IEnumerable<(string Name, int[] Ids)> documents, int endOfText, int length)
    {
        var kept = documents
            .Select(d => (d.Name, Ids: d.Ids.Length <= length ? [.. d.Ids, endOfText] : d.Ids[..(length + 1)]))
            .Where(d => d.Ids.Length >= 2)
            .ToList();
        rows = [.. kept.Select(d => d.Ids)];
        names = [.. kept.Select(d => d.Name)];
    }

    /// <inheritdoc/>
    public int Count => rows.Length;

    /// <inheritdoc/>
    public int LengthOf(int index) => rows[index].Length;

    /// <inheritdoc/>
    public ReadOnlySpan<int> Row(int index) => rows[index];

    /// <inheritdoc/>
    public string NameOf(int index) => names[index];
}
