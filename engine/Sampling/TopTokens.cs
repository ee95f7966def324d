using System.Numerics;

namespace Rudder.Engine.Sampling;

/// <summary>Finds the most probable tokens of a row of logits in one pass that skips every vector without a candidate.</summary>
public static class TopTokens
{
    /// <summary>The most probable tokens, most probable first; ties go to the lower id.</summary>
    /// <param name="logits">Raw logits, one per id. [V]</param>
    /// <param name="logSum">log Σ e^logit of the row, nats.</param>
    /// <param name="count">Number of tokens, at least 1; fewer are returned if fewer logits are above minus infinity.</param>
    public static RankedToken[] Of(ReadOnlySpan<float> logits, double logSum, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        var top = new RankedToken[Math.Min(count, logits.Length)];  // holds logits until all are found
        int found = 0;
        float floor = float.NegativeInfinity;                // smallest kept logit once full: ids ascend, so ties come too late
        for (int start = 0; start < logits.Length; start += Vector<float>.Count)
        {
            int end = Math.Min(start + Vector<float>.Count, logits.Length);
            if (end - start == Vector<float>.Count && !Vector.GreaterThanAny(new Vector<float>(logits[start..]), new Vector<float>(floor)))
            {
                continue;
            }

            for (int id = start; id < end; id++)
            {
                if (logits[id] > floor)
                {
                    found = Insert(top, found, new RankedToken(id, logits[id]));
                    floor = found == top.Length ? top[^1].LogProb : floor;
                }
            }
        }

        for (int i = 0; i < found; i++)
        {
            top[i] = top[i] with { LogProb = (float)(top[i].LogProb - logSum) };
        }

        return found == top.Length ? top : top[..found];
    }

    // Inserts after all tokens that are at least as large; if the list is full, the last one drops out.
    private static int Insert(RankedToken[] top, int found, RankedToken token)
    {
        int place = Math.Min(found, top.Length - 1);
        for (; place > 0 && top[place - 1].LogProb < token.LogProb; place--)
        {
            top[place] = top[place - 1];
        }

        top[place] = token;
        return Math.Min(found + 1, top.Length);
    }
}
