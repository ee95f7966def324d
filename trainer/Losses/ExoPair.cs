using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>EXO on pairs, arXiv:2402.00856: the reverse KL from the policy's preference to labels smoothed by ε.</summary>
internal sealed record ExoPair : PreferenceLoss
{
    public override string Name => "exo-pair";

    /// <summary>Smoothing of the labels, above 0 and below 0.5: the reverse KL to a hard label is infinite.</summary>
    [Range(0, 0.5, MinimumIsExclusive = true, MaximumIsExclusive = true)] public double LabelSmoothing { get; init; } = 1e-3;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta, LabelSmoothing);

    /// <summary>σ(β·h)·[log σ(β·h) − log(1−ε)] + σ(−β·h)·[log σ(−β·h) − log ε].</summary>
    /// <param name="policyMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="referenceMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="beta">As in <see cref="Dpo.Loss"/>.</param>
    /// <param name="labelSmoothing">ε in (0, 0.5).</param>
    /// <returns>KL in nats, [P], ≥ 0; zero where σ(β·h) = 1 − ε.</returns>
    public static Tensor Loss(Tensor policyMargin, Tensor referenceMargin, double beta, double labelSmoothing)
    {
        Tensor scaled = beta * (policyMargin - referenceMargin); // [P]
        Tensor right = sigmoid(scaled) * (functional.logsigmoid(scaled) - Math.Log(1 - labelSmoothing)); // [P]
        Tensor wrong = sigmoid(-scaled) * (functional.logsigmoid(-scaled) - Math.Log(labelSmoothing)); // [P]
        return right + wrong;
    }
}
