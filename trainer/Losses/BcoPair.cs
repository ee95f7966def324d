using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>BCO on pairs, arXiv:2404.04656: a binary classifier of rewards, shifted by their running mean δ.</summary>
internal sealed record BcoPair : PreferenceLoss
{
    public override string Name => "bco-pair";

    public override bool NeedsRewardMean => true;

    public override Tensor PerPair(PairLogProbs pairs) =>
        Desirable(pairs.ChosenRatio, pairs.RewardMean!, Beta) + Undesirable(pairs.RejectedRatio, pairs.RewardMean!, Beta);

    /// <summary>A chosen completion: −log σ(β·r − δ).</summary>
    /// <param name="logRatio">r = log π(y|x) − log π_ref(y|x), nats summed over completion tokens; carries the gradient. [N]</param>
    /// <param name="rewardMean">δ, the mean of β·r over all completions seen so far, this batch included; carries no gradient. []</param>
    /// <param name="beta">KL strength, > 0, per nat.</param>
    /// <returns>Loss in nats, [N]. Gradient in r: −β·σ(δ − β·r).</returns>
    public static Tensor Desirable(Tensor logRatio, Tensor rewardMean, double beta) => -functional.logsigmoid((beta * logRatio) - rewardMean);

    /// <summary>A rejected completion: −log σ(δ − β·r).</summary>
    /// <param name="logRatio">As in <see cref="Desirable"/>. [N]</param>
    /// <param name="rewardMean">As in <see cref="Desirable"/>. []</param>
    /// <param name="beta">As in <see cref="Desirable"/>.</param>
    /// <returns>Loss in nats, [N]. Gradient in r: +β·σ(β·r − δ).</returns>
    public static Tensor Undesirable(Tensor logRatio, Tensor rewardMean, double beta) => -functional.logsigmoid(rewardMean - (beta * logRatio));
}
