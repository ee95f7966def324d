namespace Rudder.Engine.Generation;

/// <summary>A decoder with a cache of S rows: what the slot engine asks of the native side. Rows are compact: 0 to live - 1. Not thread-safe.</summary>
internal interface IDecoder : IDisposable
{
    /// <summary>What is loaded; <see cref="GeneratorInfo.Context"/> is already the lower of the model's context and the configured limit.</summary>
    GeneratorInfo Info { get; }

    /// <summary>Reads prompts into consecutive rows and leaves each one's next-token logits.</summary>
    /// <param name="prompts">At least one, each at least one id.</param>
    /// <param name="firstRow">Row of the first prompt.</param>
    void Prefill(IReadOnlyList<int[]> prompts, int firstRow);

    /// <summary>Reads more tokens of one sequence on top of what its row holds, and leaves its next-token logits.</summary>
    /// <param name="row">The row.</param>
    /// <param name="ids">At least one id.</param>
    /// <param name="length">Tokens the row holds already, at least one.</param>
    void Extend(int row, ReadOnlySpan<int> ids, int length);

    /// <summary>Feeds one token to each of the first rows and leaves each one's next-token logits.</summary>
    /// <param name="ids">The token of each row.</param>
    /// <param name="lengths">Tokens each row holds already: the token's position.</param>
    void Step(ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths);

    /// <summary>Next-token logits of a row after <see cref="Prefill"/>, <see cref="Extend"/> or <see cref="Step"/>; several threads may read. [V]</summary>
    ReadOnlySpan<float> Logits(int row);

    /// <summary>Copies the first tokens of a row's cache to another row.</summary>
    void CopyRow(int from, int to, int tokens);
}
