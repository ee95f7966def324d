using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>APO-down, arXiv:2408.06266: lowers both completions, the rejected one further. For data worse than the policy.</summary>
internal sealed record ApoDown : PreferenceLoss
{
    public override string Name => "apo-down";

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.ChosenRatio, pairs.RejectedRatio, Beta);

    /// <summary>σ(β·r_w) + (1 − σ(β·(r_w − r_l))).</summary>
    /// <param name="chosenRatio">As in <see cref="ApoZero.Loss"/>. [P]</param>
    /// <param name="rejectedRatio">As in <see cref="ApoZero.Loss"/>. [P]</param>
    /// <param name="beta">As in <see cref="ApoZero.Loss"/>.</param>
    /// <returns>Loss in (0, 2), no unit, [P]; 1 where policy equals reference. Gradient in r_l: +β·σ′(β·(r_w − r_l)).</returns>
    public static Tensor Loss(Tensor chosenRatio, Tensor rejectedRatio, double beta) =>
        sigmoid(beta * chosenRatio) + sigmoid(beta * (rejectedRatio - chosenRatio));
}
