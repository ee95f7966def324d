using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>Robust DPO, arXiv:2403.00409 eq. 12: the unbiased estimate of the clean loss under label flips of probability ε.</summary>
internal sealed record RobustDpo : PreferenceLoss
{
    public override string Name => "robust";

    /// <summary>Probability that a label is wrong, 0 to below 0.5.</summary>
    [Range(0, 0.5, MaximumIsExclusive = true)] public double LabelSmoothing { get; init; } = 0.1;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta, LabelSmoothing);

    /// <summary>[−(1−ε)·log σ(β·h) + ε·log σ(−β·h)] / (1−2ε). It may be negative.</summary>
    /// <param name="policyMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo.Loss"/>.</param>
    /// <param name="labelSmoothing">ε in [0, 0.5); the estimate has no finite value at 0.5.</param>
    /// <returns>Loss in nats, [P]. Gradient in h: −β·[(1−ε)·σ(−β·h) + ε·σ(β·h)] / (1−2ε), never zero.</returns>
    public static Tensor Loss(Tensor policyMargin, Tensor referenceMargin, double beta, double labelSmoothing)
    {
        Tensor scaled = beta * (policyMargin - referenceMargin); // [P]
        Tensor flipped = labelSmoothing * functional.logsigmoid(-scaled);
        return (flipped - ((1 - labelSmoothing) * functional.logsigmoid(scaled))) / (1 - (2 * labelSmoothing));
    }
}
