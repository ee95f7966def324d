using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>SPPO with hard labels, arXiv:2405.00675: regresses each log-ratio to ±1/(2β), the win rate being 1 or 0.</summary>
internal sealed record SppoHard : PreferenceLoss
{
    public override string Name => "sppo-hard";

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.ChosenRatio, pairs.RejectedRatio, Beta);

    /// <summary>(r_w − 1/(2β))² + (r_l + 1/(2β))². The paper's β in front is left out, as in TRL.</summary>
    /// <param name="chosenRatio">As in <see cref="ApoZero.Loss"/>. [P]</param>
    /// <param name="rejectedRatio">As in <see cref="ApoZero.Loss"/>. [P]</param>
    /// <param name="beta">Regularisation, > 0, per nat: the target log-ratios are ±1/(2β).</param>
    /// <returns>Squared nats, [P]; 1/(2β²) where policy equals reference. Gradient in r_w: 2·(r_w − 1/(2β)).</returns>
    public static Tensor Loss(Tensor chosenRatio, Tensor rejectedRatio, double beta) =>
        (chosenRatio - (0.5 / beta)).pow(2) + (rejectedRatio + (0.5 / beta)).pow(2);
}
