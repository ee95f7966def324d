using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>IPO, arXiv:2310.12036 eq. 17, on log-probs summed over tokens as in the paper.</summary>
internal sealed record Ipo : PreferenceLoss
{
    public override string Name => "ipo";

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta);

    /// <summary>(h − 1/(2β))², h = policy margin − reference margin.</summary>
    /// <param name="policyMargin">Margin of summed or per-token mean log-probs, nats (per token); carries the gradient. [P]</param>
    /// <param name="referenceMargin">The same under the frozen reference; carries none. [P]</param>
    /// <param name="beta">Regularisation, > 0, per nat: the target margin is 1/(2β).</param>
    /// <returns>Squared nats, [P]; 1/(4β²) where policy equals reference. Gradient in h: 2·(h − 1/(2β)).</returns>
    public static Tensor Loss(Tensor policyMargin, Tensor referenceMargin, double beta) =>
        (policyMargin - referenceMargin - (1 / (2 * beta))).pow(2);
}
