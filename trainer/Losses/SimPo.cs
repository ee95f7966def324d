using System.ComponentModel.DataAnnotations;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>SimPO, arXiv:2405.14734 eq. 6, on per-token means. Here beta only scales, in tokens per nat.</summary>
internal sealed record SimPo : PreferenceLoss
{
    public override string Name => "simpo";

    public override bool NeedsReference => false;

    /// <summary>Target reward margin, 0 or more.</summary>
    [Range(0, double.MaxValue)] public double Gamma { get; init; } = 0.5;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.ChosenMean, pairs.RejectedMean, Beta, Gamma);

    /// <summary>−log σ(β·(p̄_w − p̄_l) − γ).</summary>
    /// <param name="chosenMean">p̄_w, mean log-prob per token of the chosen completion, nats per token; carries the gradient. [P]</param>
    /// <param name="rejectedMean">p̄_l of the rejected one; carries the gradient. [P]</param>
    /// <param name="beta">Scale of the reward, > 0, tokens per nat; the paper uses 2 to 2.5.</param>
    /// <param name="gamma">Target reward margin, ≥ 0.</param>
    /// <returns>Loss in nats, [P]. Gradient in p̄_w − p̄_l: −β·σ(γ − β·(p̄_w − p̄_l)).</returns>
    public static Tensor Loss(Tensor chosenMean, Tensor rejectedMean, double beta, double gamma) =>
        -functional.logsigmoid((beta * (chosenMean - rejectedMean)) - gamma);
}
