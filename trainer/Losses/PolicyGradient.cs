using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>Policy-gradient losses of sampled completions. Advantages and old log-probs carry no gradient.</summary>
/// <remarks>The clipped loss works on tokens (PPO, GRPO) and on whole completions (RLOO): the inputs have one shape, [N] or [B].</remarks>
internal static class PolicyGradient
{
    /// <summary>Largest log-ratio, nats. From 88 on, e^x overflows float32, and a clipped row's gradient would be 0·∞.</summary>
    private const double LargestLogRatio = 60;

    /// <summary>REINFORCE (Williams 1992): −A·log π(y|x), with A = r − b.</summary>
    /// <param name="logProbs">log π_θ(y|x), nats summed over the completion's tokens; carries the gradient. [B]</param>
    /// <param name="advantages">Reward minus baseline. [B]</param>
    /// <returns>Loss of each completion, [B]. Gradient in log π: −A. The value itself has no meaning; its gradient has.</returns>
    public static Tensor Reinforce(Tensor logProbs, Tensor advantages) => -advantages * logProbs;

    /// <summary>PPO's clipped surrogate, arXiv:1707.06347 eq. 7: −min(ρ·A, clip(ρ, 1 − low, 1 + high)·A), ρ = π_θ/π_old.</summary>
    /// <param name="logProbs">log π_θ of each token, or of each whole completion, nats; carries the gradient. [N]</param>
    /// <param name="oldLogProbs">The same under the policy that drew them. [N]</param>
    /// <param name="advantages">A. [N]</param>
    /// <param name="low">Lower clip, > 0. PPO and GRPO: 0.2.</param>
    /// <param name="high">Upper clip, > 0. PPO and GRPO: 0.2; DAPO (arXiv:2503.14476): 0.28.</param>
    /// <returns>Loss per row, [N]; −A where both policies agree. Gradient in log π: −ρ·A, zero where the clip is active.</returns>
    public static Tensor Clipped(Tensor logProbs, Tensor oldLogProbs, Tensor advantages, double low, double high)
    {
        Tensor ratio = Ratio(logProbs, oldLogProbs); // ρ [N]
        return -minimum(ratio * advantages, ratio.clamp((Scalar)(1 - low), (Scalar)(1 + high)) * advantages);
    }

    /// <summary>Whether the clip is active: it lowers the surrogate, and the row has no gradient.</summary>
    /// <param name="logProbs">As in <see cref="Clipped"/>. [N]</param>
    /// <param name="oldLogProbs">As in <see cref="Clipped"/>. [N]</param>
    /// <param name="advantages">As in <see cref="Clipped"/>. [N]</param>
    /// <param name="low">As in <see cref="Clipped"/>.</param>
    /// <param name="high">As in <see cref="Clipped"/>.</param>
    /// <returns>Booleans, [N]. Their mean is PPO's clip fraction.</returns>
    public static Tensor IsClipped(Tensor logProbs, Tensor oldLogProbs, Tensor advantages, double low, double high)
    {
        Tensor ratio = Ratio(logProbs, oldLogProbs); // ρ [N]
        return (ratio.clamp((Scalar)(1 - low), (Scalar)(1 + high)) * advantages).lt(ratio * advantages);
    }

    /// <summary>PPO's approxkl: ½·(log π_θ − log π_old)², a second-order estimate of how far the policy moved since it sampled.</summary>
    /// <param name="logProbs">As in <see cref="Clipped"/>. [N]</param>
    /// <param name="oldLogProbs">As in <see cref="Clipped"/>. [N]</param>
    /// <returns>Nats per row, [N].</returns>
    public static Tensor ApproximateKl(Tensor logProbs, Tensor oldLogProbs) => 0.5 * (logProbs - oldLogProbs).pow(2);

    private static Tensor Ratio(Tensor logProbs, Tensor oldLogProbs) => (logProbs - oldLogProbs).clamp(max: (Scalar)LargestLogRatio).exp();
}
