using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>A mix: the weighted sum of several losses on the same pairs. It needs whatever one of its parts needs.</summary>
/// <param name="Parts">Weights, finite and above 0, and losses. The weights need not add up to 1. All parts share one beta.</param>
internal sealed record WeightedLosses(IReadOnlyList<(double Weight, PreferenceLoss Loss)> Parts) : PreferenceLoss
{
    public override string Name => string.Join(" + ", Parts.Select(part => FormattableString.Invariant($"{part.Weight} {part.Loss.Name}")));

    public override bool NeedsReference => Parts.Any(part => part.Loss.NeedsReference);

    public override bool NeedsMismatched => Parts.Any(part => part.Loss.NeedsMismatched);

    public override bool NeedsRewardMean => Parts.Any(part => part.Loss.NeedsRewardMean);

    public override bool NeedsWholeStep => Parts.Any(part => part.Loss.NeedsWholeStep);

    public override Tensor PerPair(PairLogProbs pairs) =>
        Parts.Select(part => part.Weight * part.Loss.PerPair(pairs)).Aggregate((sum, next) => sum + next); // [P]
}
