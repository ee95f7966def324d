using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>
/// AOT without pairs, arXiv:2406.05882: the log-ratios of all chosen completions must dominate those of all rejected ones as a
/// distribution.
/// </summary>
internal sealed record AotUnpaired : PreferenceLoss
{
    public override string Name => "aot-unpaired";

    public override bool NeedsWholeStep => true;

    /// <summary>Probability that a label is wrong, 0 to below 0.5.</summary>
    [Range(0, 0.5, MaximumIsExclusive = true)] public double LabelSmoothing { get; init; }

    public override Tensor PerPair(PairLogProbs pairs) => Aot.Loss(pairs.ChosenRatio, pairs.RejectedRatio, Beta, LabelSmoothing);
}
