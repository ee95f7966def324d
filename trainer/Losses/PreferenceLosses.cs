using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>
/// Preference losses, one value per pair (KTO: per completion), as pure functions of log-probabilities.
/// P = pairs. A margin is chosen minus rejected; every log is natural (nats). Callers average over P.
/// </summary>
internal static class PreferenceLosses
{
    /// <summary>
    /// Nearest to zero that <see cref="OddsRatio"/> takes a mean log-prob: at 0 the odds are infinite and have no gradient.
    /// </summary>
    public const double LargestMeanLogProb = -1e-6;

    /// <summary>DPO, arXiv:2305.18290 eq. 7: −log σ(β·h), h = policy margin − reference margin.</summary>
    /// <param name="policyMargin">log π(chosen) − log π(rejected), nats summed over completion tokens; carries the gradient. [P]</param>
    /// <param name="referenceMargin">The same under the frozen reference; carries none. [P]</param>
    /// <param name="beta">KL strength, > 0, per nat; larger stays nearer the reference.</param>
    /// <returns>Loss in nats, [P]; ln 2 where policy equals reference. Gradient in h: −β·σ(−β·h).</returns>
    public static Tensor Dpo(Tensor policyMargin, Tensor referenceMargin, double beta) =>
        -functional.logsigmoid(beta * (policyMargin - referenceMargin));

    /// <summary>
    /// Conservative DPO (Mitchell 2023, ericmitchell.ai/cdpo.pdf): labels are wrong with probability ε, so the
    /// target is σ(β·h) = 1 − ε: −(1−ε)·log σ(β·h) − ε·log σ(−β·h).
    /// </summary>
    /// <param name="policyMargin">As in <see cref="Dpo"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo"/>.</param>
    /// <param name="labelSmoothing">ε in [0, 0.5).</param>
    /// <returns>Loss in nats, [P]. Gradient in h: β·(σ(β·h) − (1 − ε)), zero at the target.</returns>
    public static Tensor ConservativeDpo(Tensor policyMargin, Tensor referenceMargin, double beta, double labelSmoothing)
    {
        Tensor scaled = beta * (policyMargin - referenceMargin); // [P]
        return (-(1 - labelSmoothing) * functional.logsigmoid(scaled)) - (labelSmoothing * functional.logsigmoid(-scaled));
    }

    /// <summary>
    /// Robust DPO, arXiv:2403.00409 eq. 12: the unbiased estimate of the clean loss under label flips of probability ε,
    /// [−(1−ε)·log σ(β·h) + ε·log σ(−β·h)] / (1−2ε). It may be negative.
    /// </summary>
    /// <param name="policyMargin">As in <see cref="Dpo"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo"/>.</param>
    /// <param name="labelSmoothing">ε in [0, 0.5); the estimate has no finite value at 0.5.</param>
    /// <returns>Loss in nats, [P]. Gradient in h: −β·[(1−ε)·σ(−β·h) + ε·σ(β·h)] / (1−2ε), never zero.</returns>
    public static Tensor RobustDpo(Tensor policyMargin, Tensor referenceMargin, double beta, double labelSmoothing)
    {
        Tensor scaled = beta * (policyMargin - referenceMargin); // [P]
        Tensor flipped = labelSmoothing * functional.logsigmoid(-scaled);
        return (flipped - ((1 - labelSmoothing) * functional.logsigmoid(scaled))) / (1 - (2 * labelSmoothing));
    }

    /// <summary>
    /// IPO, arXiv:2310.12036 eq. 17: (h − 1/(2β))². The paper sums log-probs over tokens; the per-token variant divides each
    /// completion's log-ratio by its length before the margin is taken.
    /// </summary>
    /// <param name="policyMargin">Margin of the policy's summed or per-token mean log-probs, nats (per token). [P]</param>
    /// <param name="referenceMargin">The same under the frozen reference; carries no gradient. [P]</param>
    /// <param name="beta">Regularisation, > 0, per nat: the margin aimed at is 1/(2β).</param>
    /// <returns>Squared nats, [P]; 1/(4β²) where policy equals reference. Gradient in h: 2·(h − 1/(2β)).</returns>
    public static Tensor Ipo(Tensor policyMargin, Tensor referenceMargin, double beta) =>
        (policyMargin - referenceMargin - (1 / (2 * beta))).pow(2);

    /// <summary>Hinge (SLiC on normalised likelihoods), arXiv:2309.06657: max(0, 1 − β·h).</summary>
    /// <param name="policyMargin">As in <see cref="Dpo"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo"/>.</param>
    /// <returns>Loss, no unit, [P]; 1 where policy equals reference. Gradient in h: −β below the hinge, 0 beyond it.</returns>
    public static Tensor Hinge(Tensor policyMargin, Tensor referenceMargin, double beta) =>
        functional.relu(1 - (beta * (policyMargin - referenceMargin)));

    /// <summary>DPO with the reference's log-ratio taken as 0 (the DPO authors' <c>reference_free</c>): −log σ(β·margin).</summary>
    /// <param name="policyMargin">As in <see cref="Dpo"/>. [P]</param>
    /// <param name="beta">Scale of the margin, > 0, per nat; it holds the policy near nothing.</param>
    /// <returns>Loss in nats, [P]. Gradient in the margin: −β·σ(−β·margin).</returns>
    public static Tensor ReferenceFreeDpo(Tensor policyMargin, double beta) => -functional.logsigmoid(beta * policyMargin);

    /// <summary>KTO for a desirable completion, arXiv:2402.01306 eq. 8: λ_D·(1 − σ(β·(u − z))).</summary>
    /// <param name="logRatio">u = log π(y|x) − log π_ref(y|x), nats summed over tokens; carries the gradient. [P]</param>
    /// <param name="baseline">z from <see cref="KtoBaseline"/>, nats; carries none. [] or [P]</param>
    /// <param name="beta">Risk aversion, > 0, per nat.</param>
    /// <param name="weight">λ_D, > 0.</param>
    /// <returns>Loss in [0, λ_D], no unit, [P]. Gradient in u: −λ_D·β·σ′(β·(u − z)).</returns>
    public static Tensor KtoDesirable(Tensor logRatio, Tensor baseline, double beta, double weight) =>
        weight * sigmoid(beta * (baseline - logRatio)); // 1 − σ(a) = σ(−a), which keeps its digits when saturated

    /// <summary>KTO for an undesirable completion, arXiv:2402.01306 eq. 8: λ_U·(1 − σ(β·(z − u))).</summary>
    /// <param name="logRatio">As in <see cref="KtoDesirable"/>. [P]</param>
    /// <param name="baseline">As in <see cref="KtoDesirable"/>. [] or [P]</param>
    /// <param name="beta">As in <see cref="KtoDesirable"/>.</param>
    /// <param name="weight">λ_U, > 0.</param>
    /// <returns>Loss in [0, λ_U], no unit, [P]. Gradient in u: +λ_U·β·σ′(β·(z − u)).</returns>
    public static Tensor KtoUndesirable(Tensor logRatio, Tensor baseline, double beta, double weight) =>
        weight * sigmoid(beta * (logRatio - baseline));

    /// <summary>KTO's reference point z = max(0, mean log-ratio of mismatched pairs), arXiv:2402.01306 §4.1; no gradient.</summary>
    /// <param name="mismatchedLogRatio">log π(y′|x) − log π_ref(y′|x), y′ a completion of another prompt, nats. [N]</param>
    /// <returns>z in nats, a scalar; detached, because the paper does not back-propagate through it.</returns>
    public static Tensor KtoBaseline(Tensor mismatchedLogRatio) => functional.relu(mismatchedLogRatio.detach().mean());

    /// <summary>SimPO, arXiv:2405.14734 eq. 6: −log σ(β·(p̄_w − p̄_l) − γ); no reference.</summary>
    /// <param name="chosenMean">p̄_w, mean log-prob per token of the chosen completion, nats per token; carries the gradient. [P]</param>
    /// <param name="rejectedMean">p̄_l of the rejected one; carries the gradient. [P]</param>
    /// <param name="beta">Scale of the reward, > 0, tokens per nat; the paper uses 2 to 2.5.</param>
    /// <param name="gamma">Target reward margin, ≥ 0.</param>
    /// <returns>Loss in nats, [P]. Gradient in p̄_w − p̄_l: −β·σ(γ − β·(p̄_w − p̄_l)).</returns>
    public static Tensor SimPo(Tensor chosenMean, Tensor rejectedMean, double beta, double gamma) =>
        -functional.logsigmoid((beta * (chosenMean - rejectedMean)) - gamma);

    /// <summary>ORPO, arXiv:2403.07691 eq. 6: −p̄_w − λ·log σ(o_w − o_l), o the log-odds of p̄; no reference.</summary>
    /// <param name="chosenMean">As in <see cref="SimPo"/>; here it also is the SFT term. [P]</param>
    /// <param name="rejectedMean">As in <see cref="SimPo"/>. [P]</param>
    /// <param name="lambda">Weight of the odds-ratio term, ≥ 0.</param>
    /// <returns>Loss in nats, [P]. Gradient through both terms for p̄_w, through the odds only for p̄_l.</returns>
    public static Tensor Orpo(Tensor chosenMean, Tensor rejectedMean, double lambda) =>
        -chosenMean - (lambda * functional.logsigmoid(OddsRatio(chosenMean) - OddsRatio(rejectedMean)));

    /// <summary>Log-odds o = p̄ − log(1 − e^p̄) of a mean log-prob.</summary>
    /// <remarks>
    /// With a = −p̄ &gt; 0: log(1 − e^−a) = log tanh(a/2) + log(1 + e^−a) = log tanh(a/2) − log σ(a). Both terms keep their
    /// digits near a = 0 and at a = 400, where 1 − e^−a itself rounds to 0 and to 1.
    /// </remarks>
    /// <param name="meanLogProb">p̄ ≤ 0, nats per token; values above <see cref="LargestMeanLogProb"/> count as that. [P]</param>
    private static Tensor OddsRatio(Tensor meanLogProb)
    {
        Tensor negated = -meanLogProb.clamp(max: (Scalar)LargestMeanLogProb); // a [P]
        return functional.logsigmoid(negated) - negated - tanh(negated * 0.5).log();
    }
}
