using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>DPO on per-token means: divides each completion's log-ratio by its length (TRL's <c>sigmoid_norm</c>).</summary>
internal sealed record SigmoidNorm : PreferenceLoss
{
    public override string Name => "sigmoid-norm";

    public override Tensor PerPair(PairLogProbs pairs) =>
        Dpo.Loss(pairs.ChosenRatio / pairs.ChosenLength, pairs.RejectedRatio / pairs.RejectedLength, Beta);
}
