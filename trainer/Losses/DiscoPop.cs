using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>DiscoPOP (log-ratio modulated loss), arXiv:2406.08414: logistic where β·h is below 0, exponential above it.</summary>
internal sealed record DiscoPop : PreferenceLoss
{
    public override string Name => "discopop";

    /// <summary>Width of the change between the two losses, above 0, at most 1: beyond 1 the exponential half overflows.</summary>
    [Range(0, 1.0, MinimumIsExclusive = true)] public double Tau { get; init; } = 0.05;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta, Tau);

    /// <summary>−(1 − m)·log σ(β·h) + m·e^(−β·h), with the modulation m = σ(β·h/τ).</summary>
    /// <param name="policyMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo.Loss"/>.</param>
    /// <param name="tau">τ in (0, 1].</param>
    /// <returns>Loss, [P]; (ln 2 + 1)/2 where policy equals reference. It is not convex: it has a maximum a little above h = 0.</returns>
    public static Tensor Loss(Tensor policyMargin, Tensor referenceMargin, double beta, double tau)
    {
        Tensor scaled = beta * (policyMargin - referenceMargin); // [P]
        Tensor logistic = -functional.logsigmoid(scaled) * sigmoid(-scaled / tau); // [P]
        return logistic + (functional.logsigmoid(scaled / tau) - scaled).exp(); // m·e^−a = e^(log m − a): no infinity times zero
    }
}
