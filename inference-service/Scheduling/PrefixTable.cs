namespace Rudder.InferenceService.Scheduling;

/// <summary>Which prompts' keys and values lie in the rows of the cache, live or left behind, so that a new prompt can begin with a copy.</summary>
/// <remarks>
/// Only prompts count, not what was drawn after them: a drawn token's keys come from a step of one token, whose last bits may differ
/// from those of a prefill, and a sequence's tokens must not depend on what ran before it.
/// </remarks>
/// <param name="rows">Rows of the cache.</param>
internal sealed class PrefixTable(int rows)
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

    private readonly int[]?[] _prompts = new int[rows][];

    /// <summary>The row that shares the longest beginning with a prompt, and how many tokens of it can be copied; 0 where it is not worth it.</summary>
    public (int Row, int Tokens) Longest(int[] prompt)
    {
        int best = -1;
        int longest = 0;
        for (int row = 0; row < _prompts.Length; row++)
        {
            int common = _prompts[row] is { } held ? held.AsSpan().CommonPrefixLength(prompt) : 0;
            if (common > longest)
            {
                (best, longest) = (row, common);
            }
        }

        int usable = Math.Min(longest, prompt.Length - RecomputedTokens);
        return usable >= FewestTokens ? (best, usable) : (-1, 0);
    }

    /// <summary>A row now begins with this prompt.</summary>
    public void Set(int row, int[] prompt) => _prompts[row] = prompt;

    /// <summary>A row's content was copied to another.</summary>
    public void Copy(int from, int to) => _prompts[to] = _prompts[from];

    /// <summary>Nothing is known of these rows any more.</summary>
    public void Forget(int firstRow, int count) => Array.Clear(_prompts, firstRow, count);
}
