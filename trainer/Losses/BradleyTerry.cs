using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Rudder.Trainer.Losses;

/// <summary>The Bradley–Terry loss of a reward model, as in arXiv:2203.02155 eq. 1, with the margin of arXiv:2307.09288 eq. 2.</summary>
internal static class BradleyTerry
{
    /// <summary>−log σ(r_w − r_l − m).</summary>
    /// <param name="chosen">r_w, the chosen completion's score; carries the gradient. [P]</param>
    /// <param name="rejected">r_l, the rejected one's; carries the gradient. [P]</param>
    /// <param name="margin">m ≥ 0, by how much the chosen score must lead; null for 0. [P]</param>
    /// <returns>Nats, [P]; ln 2 for equal scores without margin. Gradient in r_w − r_l: −σ(m − (r_w − r_l)).</returns>
    public static Tensor Loss(Tensor chosen, Tensor rejected, Tensor? margin = null) =>
        -functional.logsigmoid(margin is null ? chosen - rejected : chosen - rejected - margin);

    /// <summary>(r_w + r_l)²: keeps scores around 0, which the loss alone leaves free (arXiv:2312.09244).</summary>
    /// <param name="chosen">As in <see cref="Loss"/>. [P]</param>
    /// <param name="rejected">As in <see cref="Loss"/>. [P]</param>
    /// <returns>Squared score, [P]. Gradient in r_w: 2·(r_w + r_l).</returns>
    public static Tensor Centring(Tensor chosen, Tensor rejected) => (chosen + rejected).pow(2);
}
