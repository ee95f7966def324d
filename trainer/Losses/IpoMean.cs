using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>IPO on per-token means: divides each completion's log-ratio by its length before taking the margin (TRL's variant).</summary>
internal sealed record IpoMean : PreferenceLoss
{
    public override string Name => "ipo-mean";

    public override Tensor PerPair(PairLogProbs pairs) =>
        Ipo.Loss(pairs.ChosenRatio / pairs.ChosenLength, pairs.RejectedRatio / pairs.RejectedLength, Beta);
}
