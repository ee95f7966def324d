namespace Rudder.Trainer.Logits;

/// <summary>Log-softmax of one row of float32 logits, summed in float64.</summary>
internal static class LogSoftmax
{
    /// <summary>log Σ exp(logits), nats.</summary>
    public static double Normalizer(ReadOnlySpan<float> logits)
    {
        float largest = float.NegativeInfinity;
        foreach (float logit in logits)
        {
            largest = MathF.Max(largest, logit);
        }

        double sum = 0;
        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - largest);
        }

        return largest + Math.Log(sum);
    }

    /// <summary>exp(log-softmax), one probability per logit.</summary>
    public static double[] Probabilities(ReadOnlySpan<float> logits)
    {
        double normalizer = Normalizer(logits);
        double[] result = new double[logits.Length];
        for (int i = 0; i < logits.Length; i++)
        {
            result[i] = Math.Exp(logits[i] - normalizer);
        }

        return result;
    }
}
