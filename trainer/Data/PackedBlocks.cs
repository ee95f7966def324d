namespace Rudder.Trainer.Data;

/// <summary>
/// Documents joined by the end-of-text token and cut into blocks. A block has one token more than
/// the model reads, because the last one is only a target; neighbouring blocks share it.
/// </summary>
internal sealed class PackedBlocks : ISequences
{
    private readonly int[] _stream;
    private readonly int _length;

    /// <summary>Joins the documents.</summary>
    /// <param name="documents">Token ids of each document.</param>
    /// <param name="endOfText">Id that ends each document.</param>
    /// <param name="length">Tokens the model reads per block.</param>
    public PackedBlocks(IEnumerable<int[]> documents, int endOfText, int length)
    {
        var joined = new List<int>();
        foreach (int[] document in documents)
        {
            joined.AddRange(document);
            if (document is not [.., var last] || last != endOfText)
            {
                joined.Add(endOfText);
            }
        }

        _stream = [.. joined];
        _length = length;
    }

    public int Count => Math.Max(0, (_stream.Length - 1) / _length);

    public int LengthOf(int index) => _length + 1;

    public ReadOnlySpan<int> Row(int index) => _stream.AsSpan(index * _length, _length + 1);

    public string NameOf(int index) => $"block {index}";
}
