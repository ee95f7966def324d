using Rudder.Engine.Kernels;
using Rudder.Engine.Sampling;

namespace Rudder.Engine.Scoring;

/// <summary>Reduces rows of logits to measurements, several rows at a time.</summary>
/// <remarks>
/// One thread reduces a whole row, so results do not depend on the number of threads. A row fits in a core's cache (200 KB at
/// 50,257 ids), so only the first pass over it reads memory.
/// </remarks>
internal static class LogitRows
{
    /// <summary>log softmax of each row at its id, nats, and its most probable tokens. NaN if the row holds NaN.</summary>
    /// <param name="logits">[N,V]</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="ids">One per row, [N].</param>
    /// <param name="tops">How many of the most probable tokens to find in each row, [N]; null in the result where this is 0.</param>
    /// <param name="threads">Maximum threads, > 0.</param>
    /// <returns>[N], each list of tokens in the order of <see cref="TopTokens.Of"/>.</returns>
    public static (float LogProb, RankedToken[]? Top)[] LogProbs(NativeBuffer<float> logits, int vocabulary, int[] ids, int[] tops, int threads)
    {
        var results = new (float, RankedToken[]?)[ids.Length];
        ForEach(ids.Length, threads, i =>
        {
            var row = Row(logits, vocabulary, i);
            double logSum = LogitMath.LogSumExp(row);
            results[i] = ((float)(row[ids[i]] - logSum), tops[i] > 0 ? TopTokens.Of(row, logSum, tops[i]) : null);
        });
        return results;
    }

    /// <summary>Exact KL(model‖reference) of each pair of rows, and both log-probs of its id, nats. NaN if a row holds NaN.</summary>
    /// <param name="model">[N,V]</param>
    /// <param name="reference">[N,V]</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="ids">One per row, [N].</param>
    /// <param name="threads">Maximum threads, > 0.</param>
    /// <returns>[N]</returns>
    public static RowDivergence[] Divergences(NativeBuffer<float> model, NativeBuffer<float> reference, int vocabulary, int[] ids, int threads)
    {
        var results = new RowDivergence[ids.Length];
        ForEach(ids.Length, threads, i => results[i] = Diverge(Row(model, vocabulary, i), Row(reference, vocabulary, i), ids[i]));
        return results;
    }

    private static RowDivergence Diverge(ReadOnlySpan<float> model, ReadOnlySpan<float> reference, int id)
    {
        double modelLogSum = LogitMath.LogSumExp(model);
        double referenceLogSum = LogitMath.LogSumExp(reference);
        double kl = LogitMath.KlDivergence(model, reference, modelLogSum, referenceLogSum);
        return new RowDivergence(kl, model[id] - modelLogSum, reference[id] - referenceLogSum);
    }

    private static ReadOnlySpan<float> Row(NativeBuffer<float> logits, int vocabulary, int row) => logits.Span((long)row * vocabulary, vocabulary);

    private static void ForEach(int rows, int threads, Action<int> reduce) =>
        Parallel.For(0, rows, new ParallelOptions { MaxDegreeOfParallelism = threads }, reduce);
}

/// <summary>Divergence of two next-token distributions at one position.</summary>
/// <param name="Kl">Exact KL(model‖reference), nats.</param>
/// <param name="Model">log-prob of the token under the model, nats.</param>
/// <param name="Reference">The same under the reference, nats.</param>
internal readonly record struct RowDivergence(double Kl, double Model, double Reference);
