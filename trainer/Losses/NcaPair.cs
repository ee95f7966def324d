using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>NCA on pairs, arXiv:2402.05369: contrasts each completion with noise, so that the chosen likelihood does not fall.</summary>
internal sealed record NcaPair : PreferenceLoss
{
    public override string Name => "nca-pair";

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.ChosenRatio, pairs.RejectedRatio, Beta);

    /// <summary>−log σ(β·r_w) − ½·log σ(−β·r_w) − ½·log σ(−β·r_l).</summary>
    /// <param name="chosenRatio">As in <see cref="ApoZero.Loss"/>. [P]</param>
    /// <param name="rejectedRatio">As in <see cref="ApoZero.Loss"/>. [P]</param>
    /// <param name="beta">As in <see cref="ApoZero.Loss"/>.</param>
    /// <returns>Loss in nats, [P]; 2·ln 2 where policy equals reference. Gradient in r_w: β·(3/2·σ(β·r_w) − 1), zero at σ = 2/3.</returns>
    public static Tensor Loss(Tensor chosenRatio, Tensor rejectedRatio, double beta)
    {
        Tensor chosen = beta * chosenRatio; // [P]
        return -functional.logsigmoid(chosen) - (0.5 * functional.logsigmoid(-chosen)) - (0.5 * functional.logsigmoid(-beta * rejectedRatio));
    }
}
