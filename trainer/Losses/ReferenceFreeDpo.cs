using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>DPO with the reference's log-ratio taken as 0 (the DPO authors' <c>reference_free</c>).</summary>
internal sealed record ReferenceFreeDpo : PreferenceLoss
{
    public override string Name => "dpo-reference-free";

    public override bool NeedsReference => false;

    public override Tensor PerPair(PairLogProbs pairs) => Loss(pairs.Margin, Beta);

    /// <summary>−log σ(β·margin).</summary>
    /// <param name="policyMargin">As in <see cref="Dpo.Loss"/>. [P]</param>
    /// <param name="beta">Scale of the margin, > 0, per nat. Without a reference it does not limit the KL.</param>
    /// <returns>Loss in nats, [P]. Gradient in the margin: −β·σ(−β·margin).</returns>
    public static Tensor Loss(Tensor policyMargin, double beta) => -functional.logsigmoid(beta * policyMargin);
}
