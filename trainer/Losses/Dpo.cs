using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>DPO, arXiv:2305.18290 eq. 7.</summary>
internal sealed record Dpo : PreferenceLoss
{
    public override string Name => "dpo";

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta);

    /// <summary>−log σ(β·h), h = policy margin − reference margin.</summary>
    /// <param name="policyMargin">log π(chosen) − log π(rejected), nats summed over completion tokens; carries the gradient. [P]</param>
    /// <param name="referenceMargin">The same under the frozen reference; carries none. [P]</param>
    /// <param name="beta">KL strength, > 0, per nat; larger stays nearer the reference.</param>
    /// <returns>Loss in nats, [P]; ln 2 where policy equals reference. Gradient in h: −β·σ(−β·h).</returns>
    public static Tensor Loss(Tensor policyMargin, Tensor referenceMargin, double beta) =>
        -functional.logsigmoid(beta * (policyMargin - referenceMargin));
}
