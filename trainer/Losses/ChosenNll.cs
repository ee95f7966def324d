using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>Supervised fine-tuning on the chosen completions, mostly as part of a mix (RPO, arXiv:2404.19733, adds it to DPO).</summary>
internal sealed record ChosenNll : PreferenceLoss
{
    public override string Name => "sft";

    public override bool NeedsReference => false;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Chosen, pairs.MeanChosenLength);

    /// <summary>−log π(chosen) / mean length: the mean over the step's pairs is then the mean over all their chosen tokens.</summary>
    /// <param name="chosen">log π(chosen), nats summed over completion tokens; carries the gradient. [P]</param>
    /// <param name="meanLength">Mean tokens of a chosen completion over all pairs of the optimizer step.</param>
    /// <returns>Nats per token, [P]. Gradient in log π(chosen): −1/mean length.</returns>
    public static Tensor Loss(Tensor chosen, double meanLength) => -chosen / meanLength;
}
