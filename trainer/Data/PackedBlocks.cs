namespace Rudder.Trainer.Data;

/// <summary>
/// Documents joined by the end-of-text token and cut into blocks. A block has one token more than
/// the model reads, because the last one is only a target; neighbouring blocks share it.
/// </summary>
internal sealed class PackedBlocks : ISequences
{
    private readonly int[] stream;
    private readonly int length;

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
            joined.Add(endOfText);
        }

        stream = [.. joined];
        this.length = length;
    }

    /// <inheritdoc/>
    public int Count => Math.Max(0, (stream.Length - 1) / length);

    /// <inheritdoc/>
    public int LengthOf(int index) => length + 1;

    /// <inheritdoc/>
    public ReadOnlySpan<int> Row(int index) => stream.AsSpan(index * length, length + 1);

    /// <inheritdoc/>
    public string NameOf(int index) => $"block {index}";
}
