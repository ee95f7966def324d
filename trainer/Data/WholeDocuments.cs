namespace Rudder.Trainer.Data;

/// <summary>One sequence per document or completion.</summary>
internal sealed class WholeDocuments : ISequences
{
    private readonly IReadOnlyList<TextSequence> _rows;

    /// <summary>Takes sequences as they are. Drops those of fewer than 2 tokens, which have nothing to predict.</summary>
    public WholeDocuments(IEnumerable<TextSequence> sequences) => _rows = [.. sequences.Where(sequence => sequence.Ids.Length >= 2)];

    /// <summary>Cuts documents to the context. A document that fits ends with the end-of-text token.</summary>
    /// <param name="documents">Name and ids of each document.</param>
    /// <param name="endOfText">Id that ends each complete document.</param>
    /// <param name="length">Maximum tokens that the model reads.</param>
    public WholeDocuments(IEnumerable<(string Name, int[] Ids)> documents, int endOfText, int length)
        : this(documents.Select(d => new TextSequence(d.Name, d.Ids.Length <= length ? [.. d.Ids, endOfText] : d.Ids[..(length + 1)], 1)))
    {
    }

    public int Count => _rows.Count;

    public int LengthOf(int index) => _rows[index].Ids.Length;

    public int LearnedFrom(int index) => _rows[index].LearnedFrom;

    public ReadOnlySpan<int> Row(int index) => _rows[index].Ids;

    public string NameOf(int index) => _rows[index].Name;
}

/// <summary>One sequence to learn from.</summary>
/// <param name="Name">Its name in messages.</param>
/// <param name="Ids">Its tokens.</param>
/// <param name="LearnedFrom">Place of the first token to learn, at least 1: those before it are a prompt.</param>
internal sealed record TextSequence(string Name, int[] Ids, int LearnedFrom);
