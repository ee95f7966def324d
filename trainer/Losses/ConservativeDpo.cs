using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>
/// Conservative DPO (Mitchell 2023, ericmitchell.ai/cdpo.pdf): labels are wrong with probability ε, so the target is σ(β·h) = 1 − ε.
/// </summary>
internal sealed record ConservativeDpo : PreferenceLoss
{
    public override string Name => "cdpo";

    /// <summary>Probability that a label is wrong, 0 to below 0.5.</summary>
    [Range(0, 0.5, MaximumIsExclusive = true)] public double LabelSmoothing { get; init; } = 0.1;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta, LabelSmoothing);

    /// <summary>−(1−ε)·log σ(β·h) − ε·log σ(−β·h).</summary>
    /// <param name="policyMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo.Loss"/>.</param>
    /// <param name="labelSmoothing">ε in [0, 0.5).</param>
    /// <returns>Loss in nats, [P]. Gradient in h: β·(σ(β·h) − (1 − ε)), zero at the target.</returns>
    public static Tensor Loss(Tensor policyMargin, Tensor referenceMargin, double beta, double labelSmoothing)
    {
        Tensor scaled = beta * (policyMargin - referenceMargin); // [P]
        return (-(1 - labelSmoothing) * functional.logsigmoid(scaled)) - (labelSmoothing * functional.logsigmoid(-scaled));
    }
}
