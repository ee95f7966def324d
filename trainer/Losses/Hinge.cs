using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>Hinge (SLiC on normalised likelihoods), arXiv:2309.06657.</summary>
internal sealed record Hinge : PreferenceLoss
{
    public override string Name => "hinge";

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta);

    /// <summary>max(0, 1 − β·h).</summary>
    /// <param name="policyMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo.Loss"/>.</param>
    /// <returns>Loss, no unit, [P]; 1 where policy equals reference. Gradient in h: −β below the hinge, 0 beyond it.</returns>
    public static Tensor Loss(Tensor policyMargin, Tensor referenceMargin, double beta) =>
        functional.relu(1 - (beta * (policyMargin - referenceMargin)));
}
