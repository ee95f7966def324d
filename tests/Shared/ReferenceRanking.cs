namespace Rudder.Tests;

/// <summary>The most probable tokens, by a full log-softmax in double precision and a sort. A simple reference to compare with.</summary>
internal static class ReferenceRanking
{
    /// <summary>Returns the tokens by falling logit; equal logits by rising id.</summary>
    public static (int Id, double LogProb)[] Of(IReadOnlyList<float> logits, int count)
    {
        double max = logits.Max();
        double logSum = max + Math.Log(logits.Sum(logit => Math.Exp(logit - max)));
        var order = Enumerable.Range(0, logits.Count).OrderByDescending(id => logits[id]).ThenBy(id => id);
        return [.. order.Take(count).Select(id => (id, logits[id] - logSum))];
    }
}
