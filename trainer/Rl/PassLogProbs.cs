using static TorchSharp.torch;

namespace Rudder.Trainer.Rl;

/// <summary>Token log-probs of one pass when its completions were drawn. They stay the same over all updates on these completions.</summary>
/// <param name="Policy">log π_old, nats. [N]</param>
/// <param name="Reference">log π_ref, nats. [N]</param>
internal sealed record PassLogProbs(float[] Policy, float[] Reference)
{
    /// <summary>Both as tensors.</summary>
    public (Tensor Policy, Tensor Reference) On(Device device) => (tensor(Policy, device: device), tensor(Reference, device: device));
}
