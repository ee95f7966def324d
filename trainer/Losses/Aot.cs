using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>
/// AOT on pairs, arXiv:2406.05882: the policy's margins must dominate the reference's as a distribution, so margins of equal
/// rank are compared, not those of the same pair.
/// </summary>
internal sealed record Aot : PreferenceLoss
{
    public override string Name => "aot";

    public override bool NeedsWholeStep => true;

    /// <summary>Probability that a label is wrong, 0 to below 0.5.</summary>
    [Range(0, 0.5, MaximumIsExclusive = true)] public double LabelSmoothing { get; init; }

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, pairs.ReferenceMargin, Beta, LabelSmoothing);

    /// <summary>−(1−ε)·log σ(β·d) − ε·log σ(−β·d), where d_i is the i-th smallest of the first values minus that of the second.</summary>
    /// <param name="better">Values that shall be larger: the policy's margins, nats; carries the gradient. [P]</param>
    /// <param name="worse">Values that shall be smaller: the reference's margins. [P]</param>
    /// <param name="beta">As in <see cref="Dpo.Loss"/>.</param>
    /// <param name="labelSmoothing">ε in [0, 0.5).</param>
    /// <returns>Loss in nats by rank, not by pair. [P]</returns>
    public static Tensor Loss(Tensor better, Tensor worse, double beta, double labelSmoothing) =>
        ConservativeDpo.Loss(Sorted(better), Sorted(worse), beta, labelSmoothing);

    private static Tensor Sorted(Tensor values) => values.sort(0, stable: true).Item1; // [P]; stable, so that ties repeat bit for bit
}
