using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>KL(π_θ‖π_ref) per token: the exact sum over the vocabulary and the estimators k1 and k3 on sampled tokens.</summary>
/// <remarks>
/// Sequence figures are sums over the tokens of a path sampled from π_θ at temperature 1 with no truncation.
/// k1 and k3 after J. Schulman, "Approximating KL divergence", 2020 (joschu.net/blog/kl-approx.html).
/// </remarks>
internal static class Kl
{
    /// <summary>Exact KL at each visited state: Σ_v π_θ(v)·[log π_θ(v) − log π_ref(v)].</summary>
    /// <param name="policyLogits">Unnormalised, finite; carries the gradient, also through π_θ(v). [N,V]</param>
    /// <param name="referenceLogits">Of the frozen reference; carries none. [N,V]</param>
    /// <returns>Nats per token, ≥ 0 up to rounding, [N]. The gradient takes the visited states as given.</returns>
    public static Tensor Exact(Tensor policyLogits, Tensor referenceLogits)
    {
        Tensor policy = functional.log_softmax(policyLogits, -1); // [N,V]
        Tensor reference = functional.log_softmax(referenceLogits, -1); // [N,V]
        return (policy.exp() * (policy - reference)).sum(-1L); // [N]
    }

    /// <summary>k1 = log π_θ(y_t) − log π_ref(y_t): unbiased for y_t ~ π_θ, noisy, may be negative, never clamped.</summary>
    /// <param name="policyLogProbs">Log-prob of each sampled token under the policy, nats. [N]</param>
    /// <param name="referenceLogProbs">The same under the reference. [N]</param>
    /// <returns>Nats per token, [N]. An estimator, not a loss: the expectation of its gradient is zero.</returns>
    public static Tensor K1(Tensor policyLogProbs, Tensor referenceLogProbs) => policyLogProbs - referenceLogProbs;

    /// <summary>k3 = e^−d − 1 + d with d = k1: unbiased for y_t ~ π_θ, never negative, less noisy than k1 near the reference.</summary>
    /// <param name="policyLogProbs">Log-prob of each sampled token under the policy, nats. [N]</param>
    /// <param name="referenceLogProbs">The same under the reference. [N]</param>
    /// <returns>Nats per token, ≥ 0, [N]. Grows as e^−d: overflows float32 where the reference is 88 nats above the policy.</returns>
    public static Tensor K3(Tensor policyLogProbs, Tensor referenceLogProbs)
    {
        Tensor difference = policyLogProbs - referenceLogProbs; // d [N]
        return (-difference).expm1() + difference; // expm1: e^−d − 1 would lose all digits where d is small, and fall below 0
    }
}
