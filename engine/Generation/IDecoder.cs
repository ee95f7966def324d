namespace Rudder.Engine.Generation;

/// <summary>A decoder with a cache of S rows, as the slot engine uses it. Live rows are compact: 0 to live - 1. Not thread-safe.</summary>
internal interface IDecoder : IDisposable
{
    /// <summary>The loaded model; <see cref="GeneratorInfo.Context"/> is the lower of its context and the configured limit.</summary>
    GeneratorInfo Info { get; }

    /// <summary>Reads prompts into consecutive rows and computes the next-token logits of each.</summary>
    /// <param name="prompts">At least one, each at least one id.</param>
    /// <param name="firstRow">Row of the first prompt.</param>
    void Prefill(IReadOnlyList<int[]> prompts, int firstRow);

    /// <summary>Appends tokens to the sequence in a row and computes its next-token logits.</summary>
    /// <param name="row">The row.</param>
    /// <param name="ids">At least one id.</param>
    /// <param name="length">Tokens already in the row, at least one.</param>
    void Extend(int row, ReadOnlySpan<int> ids, int length);

    /// <summary>Feeds one token to each of the first rows and computes the next-token logits of each.</summary>
    /// <param name="ids">The token of each row.</param>
    /// <param name="lengths">Tokens already in each row; this is the position of the new token.</param>
    void Step(ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths);

    /// <summary>Next-token logits of a row after <c>Prefill</c>, <c>Extend</c> or <c>Step</c>; several threads may read them. [V]</summary>
    ReadOnlySpan<float> Logits(int row);

    /// <summary>Copies the first tokens of a row's cache to another row.</summary>
    void CopyRow(int from, int to, int tokens);
}
