namespace Rudder.Trainer.Data;

/// <summary>One sequence per document, cut to the context. A document that fits ends with the end-of-text token.</summary>
internal sealed class WholeDocuments : ISequences
{
    private readonly int[][] _rows;
    private readonly string[] _names;

    /// <summary>Cuts the documents. Drops those of fewer than 2 tokens, which have nothing to predict.</summary>
    /// <param name="documents">Name and ids of each document.</param>
    /// <param name="endOfText">Id that ends each complete document.</param>
    /// <param name="length">Maximum tokens that the model reads.</param>
    public WholeDocuments(IEnumerable<(string Name, int[] Ids)> documents, int endOfText, int length)
    {
        var kept = documents
            .Select(d => (d.Name, Ids: d.Ids.Length <= length ? [.. d.Ids, endOfText] : d.Ids[..(length + 1)]))
            .Where(d => d.Ids.Length >= 2)
            .ToList();
        _rows = [.. kept.Select(d => d.Ids)];
        _names = [.. kept.Select(d => d.Name)];
    }

    public int Count => _rows.Length;

    public int LengthOf(int index) => _rows[index].Length;

    public ReadOnlySpan<int> Row(int index) => _rows[index];

    public string NameOf(int index) => _names[index];
}
