namespace Rudder.Tests;

/// <summary>The expected distribution of truncated sampling: sort, cut, renormalise, in double precision. Slow but simple.</summary>
internal static class ReferenceDistribution
{
    /// <summary>Returns the probabilities after temperature, top-k, top-p and min-p, in this order.</summary>
    public static double[] Of(IReadOnlyList<float> logits, double temperature = 1, int topK = 0, double topP = 1, double minP = 0)
    {
        double max = logits.Max();
        double[] weights = [.. logits.Select(logit => Math.Exp((logit - max) / temperature))];
        int[] order = [.. Enumerable.Range(0, weights.Length).OrderByDescending(i => logits[i]).ThenBy(i => i)];
        int kept = topK > 0 ? Math.Min(topK, order.Length) : order.Length;
        double total = order.Take(kept).Sum(i => weights[i]);
        double reached = 0;
        int nucleus = 0;
        while (nucleus < kept && (nucleus == 0 || reached < topP * total))
        {
            reached += weights[order[nucleus++]];
        }

        int[] survivors = [.. order.Take(nucleus).Where(i => weights[i] >= minP)];
        double mass = survivors.Sum(i => weights[i]);
        double[] probabilities = new double[weights.Length];
        foreach (int i in survivors)
        {
            probabilities[i] = weights[i] / mass;
        }

        return probabilities;
    }
}
