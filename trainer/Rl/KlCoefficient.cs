namespace Rudder.Trainer.Rl;

/// <summary>The adaptive coefficient of the KL penalty, arXiv:1909.08593 §2.2 (Ziegler et al. 2019).</summary>
internal static class KlCoefficient
{
    private const double LargestError = 0.2;

    /// <summary>β·(1 + K·e) with e = (KL − target)/target, clipped to ±0.2: β rises while the policy is farther away than wanted.</summary>
    /// <param name="coefficient">β, reward per nat.</param>
    /// <param name="kl">Mean sequence KL of this step's completions, nats.</param>
    /// <param name="target">Wanted KL, nats per sequence, above 0.</param>
    /// <param name="gain">K; the paper uses 0.1.</param>
    /// <returns>β of the next step.</returns>
    public static double Next(double coefficient, double kl, double target, double gain) =>
        coefficient * (1 + (gain * Math.Clamp((kl - target) / target, -LargestError, LargestError)));
}
