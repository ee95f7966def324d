using System.Numerics;

namespace Rudder.Engine.Sampling;

/// <summary>Vectorized log-softmax quantities of whole rows of logits.</summary>
public static class LogitMath
{
    /// <summary>log Σ e^logit, nats. Minus infinity is allowed; NaN gives NaN.</summary>
    public static double LogSumExp(ReadOnlySpan<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfZero(logits.Length);
        var shift = MathF.Max(float.MinValue, System.Numerics.Tensors.TensorPrimitives.Max(logits));
        double sum = 0;
        int i = 0;
        while (i <= logits.Length - Vector<float>.Count)
        {
            // Float lanes move into a double every 256 entries: float sums of 50,000 terms would lose two digits.
            int end = Math.Min(i + LogitScan.BlockLength, logits.Length);
            var lanes = Vector<float>.Zero;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                lanes += VectorExp.Exp(new Vector<float>(logits[i..]) - new Vector<float>(shift));
            }

            sum += Vector.Sum(lanes);
        }

        for (; i < logits.Length; i++)
        {
            sum += Math.Exp((double)logits[i] - shift);
        }

        return shift + Math.Log(sum);
    }

    /// <summary>log softmax at one id, nats.</summary>
    public static float LogProb(ReadOnlySpan<float> logits, int id) => (float)(logits[id] - LogSumExp(logits));

    /// <summary>Exact KL(p‖q) = Σ p (log p - log q) of two next-token distributions, nats.</summary>
    /// <param name="p">Logits of the first, finite. [V]</param>
    /// <param name="q">Logits of the second, finite. [V]</param>
    /// <param name="pLogSum"><see cref="LogSumExp"/> of <paramref name="p"/>.</param>
    /// <param name="qLogSum"><see cref="LogSumExp"/> of <paramref name="q"/>.</param>
    public static double KlDivergence(ReadOnlySpan<float> p, ReadOnlySpan<float> q, double pLogSum, double qLogSum)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(q.Length, p.Length);
        var logSum = new Vector<float>((float)pLogSum);
        // log p - log q = (p - q) + (qLogSum - pLogSum): small if the two are close, so the sum has no cancellation.
        var offset = new Vector<float>((float)(qLogSum - pLogSum));
        double kl = 0;
        int i = 0;
        while (i <= p.Length - Vector<float>.Count)
        {
            int end = Math.Min(i + LogitScan.BlockLength, p.Length);
            var lanes = Vector<float>.Zero;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                var a = new Vector<float>(p[i..]);
                lanes = Vector.FusedMultiplyAdd(VectorExp.Exp(a - logSum), a - new Vector<float>(q[i..]) + offset, lanes);
            }

            kl += Vector.Sum(lanes);
        }

        for (; i < p.Length; i++)
        {
            kl += Math.Exp(p[i] - pLogSum) * ((double)p[i] - q[i] + (qLogSum - pLogSum));
        }

        return kl;
    }
}
