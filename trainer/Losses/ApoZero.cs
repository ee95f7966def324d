using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>APO-zero, arXiv:2408.06266: raises the chosen completion and lowers the rejected one, each against the reference.</summary>
internal sealed record ApoZero : PreferenceLoss
{
    public override string Name => "apo-zero";

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.ChosenRatio, pairs.RejectedRatio, Beta);

    /// <summary>(1 − σ(β·r_w)) + σ(β·r_l).</summary>
    /// <param name="chosenRatio">r_w = log π(chosen) − log π_ref(chosen), nats summed over completion tokens; carries the gradient. [P]</param>
    /// <param name="rejectedRatio">r_l of the rejected completion; carries the gradient. [P]</param>
    /// <param name="beta">KL strength, > 0, per nat.</param>
    /// <returns>Loss in (0, 2), no unit, [P]; 1 where policy equals reference. Gradient in r_w: −β·σ′(β·r_w); in r_l: +β·σ′(β·r_l).</returns>
    public static Tensor Loss(Tensor chosenRatio, Tensor rejectedRatio, double beta) =>
        sigmoid(-beta * chosenRatio) + sigmoid(beta * rejectedRatio); // 1 − σ(a) = σ(−a), which stays accurate when saturated
}
