using System.ComponentModel.DataAnnotations;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>ORPO, arXiv:2403.07691 eq. 6: the chosen negative log-likelihood and an odds-ratio term, on per-token means.</summary>
internal sealed record Orpo : PreferenceLoss
{
    /// <summary>Upper clamp of the mean log-prob in the odds: at 0 the odds are infinite and have no gradient.</summary>
    public const double LargestMeanLogProb = -1e-6;

    public override string Name => "orpo";

    public override bool NeedsReference => false;

    /// <summary>Weight of the odds-ratio term, 0 or more.</summary>
    [Range(0, double.MaxValue)] public double Lambda { get; init; } = 0.1;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.ChosenMean, pairs.RejectedMean, Lambda);

    /// <summary>−p̄_w − λ·log σ(o_w − o_l), o the log-odds of p̄.</summary>
    /// <param name="chosenMean">As in <see cref="SimPo.Loss"/>; here it also is the SFT term. [P]</param>
    /// <param name="rejectedMean">As in <see cref="SimPo.Loss"/>. [P]</param>
    /// <param name="lambda">Weight of the odds-ratio term, ≥ 0.</param>
    /// <returns>Loss in nats, [P]. Gradient through both terms for p̄_w, through the odds only for p̄_l.</returns>
    public static Tensor Loss(Tensor chosenMean, Tensor rejectedMean, double lambda) =>
        -chosenMean - (lambda * functional.logsigmoid(LogOdds(chosenMean) - LogOdds(rejectedMean)));

    /// <summary>Log-odds o = p̄ − log(1 − e^p̄) of a mean log-prob.</summary>
    /// <remarks>
    /// With a = −p̄ &gt; 0: log(1 − e^−a) = log tanh(a/2) + log(1 + e^−a) = log tanh(a/2) − log σ(a). Both terms stay
    /// accurate near a = 0 and at a = 400, where 1 − e^−a rounds to 0 and to 1.
    /// </remarks>
    /// <param name="meanLogProb">p̄ ≤ 0, nats per token; clamped to <see cref="LargestMeanLogProb"/>. [P]</param>
    private static Tensor LogOdds(Tensor meanLogProb)
    {
        Tensor negated = -meanLogProb.clamp(max: (Scalar)LargestMeanLogProb); // a [P]
        return functional.logsigmoid(negated) - negated - tanh(negated * 0.5).log();
    }
}
