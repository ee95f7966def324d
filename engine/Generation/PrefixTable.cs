namespace Rudder.Engine.Generation;

/// <summary>Records which prompts the cache rows hold, in use or left over, so that a new prompt can start from a copy.</summary>
/// <remarks>
/// The table records only prompts, never drawn tokens. The keys of a drawn token come from a step of one token, and their last bits
/// may differ from a prefill. A sequence's tokens must not depend on what ran before it.
/// </remarks>
/// <param name="rows">Rows of the cache.</param>
/// <param name="sharing">Which clients may reuse each other's prefixes.</param>
internal sealed class PrefixTable(int rows, PrefixSharing sharing)
{
    /// <summary>
    /// Minimum tokens to reuse; shorter prefixes are computed again. A prompt that starts from a copy needs its own run of the graph,
    /// which costs about as much as this many more tokens in a batch.
    /// </summary>
    public const int FewestTokens = 32;

    /// <summary>
    /// Minimum tokens to compute for every prompt. The last token is computed for its logits. It never runs alone, because ONNX Runtime
    /// takes another path for a single token, which rounds differently from a longer prefill.
    /// </summary>
    public const int RecomputedTokens = 2;

    private readonly Known?[] _rows = new Known?[rows];

    /// <summary>Finds the row with the longest common prefix, and the number of its tokens to copy; 0 if a copy does not pay off.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="client">Client of the prompt; rows that it may not share are skipped.</param>
    public (int Row, int Tokens) Longest(int[] prompt, string client)
    {
        int best = -1;
        int longest = 0;
        for (int row = 0; row < _rows.Length; row++)
        {
            int common = _rows[row] is { } held && sharing.Allows(held.Client, client) ? held.Prompt.AsSpan().CommonPrefixLength(prompt) : 0;
            if (common > longest)
            {
                (best, longest) = (row, common);
            }
        }

        int usable = Math.Min(longest, prompt.Length - RecomputedTokens);
        return usable >= FewestTokens ? (best, usable) : (-1, 0);
    }

    /// <summary>Records that a row starts with this prompt.</summary>
    /// <param name="row">The row.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="client">Client of the prompt.</param>
    public void Set(int row, int[] prompt, string client) => _rows[row] = new Known(prompt, client);

    /// <summary>Records that a row was copied to another.</summary>
    public void Copy(int from, int to) => _rows[to] = _rows[from];

    /// <summary>Forgets the prompts of these rows.</summary>
    public void Forget(int firstRow, int count) => Array.Clear(_rows, firstRow, count);

    private readonly record struct Known(int[] Prompt, string Client);
}
