namespace Rudder.Tests;

/// <summary>The most probable tokens by a full log-softmax in double precision and a sort; written plainly for comparison.</summary>
internal static class ReferenceRanking
{
    /// <summary>Higher logit first, equal ones by lower id.</summary>
    public static (int Id, double LogProb)[] Of(IReadOnlyList<float> logits, int count)
    {
        double max = logits.Max();
        double logSum = max + Math.Log(logits.Sum(logit => Math.Exp(logit - max)));
        var order = Enumerable.Range(0, logits.Count).OrderByDescending(id => logits[id]).ThenBy(id => id);
        return [.. order.Take(count).Select(id => (id, logits[id] - logSum))];
    }
}
