namespace Rudder.Engine.Generation;

/// <summary>Which prompts' keys and values lie in the rows of the cache, live or left behind, so that a new prompt can begin with a copy.</summary>
/// <remarks>
/// Only prompts count, not what was drawn after them: a drawn token's keys come from a step of one token, whose last bits may differ
/// from those of a prefill, and a sequence's tokens must not depend on what ran before it.
/// </remarks>
/// <param name="rows">Rows of the cache.</param>
/// <param name="sharing">Whose prompts may be found by whom.</param>
internal sealed class PrefixTable(int rows, PrefixSharing sharing)
{
    /// <summary>
    /// Shorter prefixes are computed anew. A prompt on top of a copy goes through the graph by itself, which costs about as much as
    /// this many tokens more in a batch.
    /// </summary>
    public const int FewestTokens = 32;

    /// <summary>
    /// Tokens that are always computed: the last one's logits are needed, and a single token would go another way through the
    /// products than the same token in a longer prompt.
    /// </summary>
    public const int RecomputedTokens = 2;

    private readonly Known?[] _rows = new Known?[rows];

    /// <summary>The row that shares the longest beginning with a prompt, and how many tokens of it can be copied; 0 where it is not worth it.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="client">Whose it is: rows it may not share with are not looked at.</param>
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

    /// <summary>A row now begins with this prompt.</summary>
    /// <param name="row">The row.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="client">Whose it is.</param>
    public void Set(int row, int[] prompt, string client) => _rows[row] = new Known(prompt, client);

    /// <summary>A row's content was copied to another.</summary>
    public void Copy(int from, int to) => _rows[to] = _rows[from];

    /// <summary>Nothing is known of these rows any more.</summary>
    public void Forget(int firstRow, int count) => Array.Clear(_rows, firstRow, count);

    private readonly record struct Known(int[] Prompt, string Client);
}
