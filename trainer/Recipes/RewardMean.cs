using Rudder.Trainer.Models;
using Rudder.Trainer.Optimizers;
using Rudder.Trainer.Parallel;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>The mean of all implicit rewards that a run has seen: BCO's δ. A resumed run continues it.</summary>
/// <remarks>Both numbers are float32, as a checkpoint stores them. Counts are exact up to 2^24 rewards and rounded beyond.</remarks>
internal sealed class RewardMean : IDisposable
{
    private readonly Tensor _state = zeros(2).DetachFromDisposeScope(); // mean, count

    /// <summary>The numbers of a checkpoint.</summary>
    public NamedState State => new("reward_mean", _state);

    /// <summary>δ as a scalar without gradient. []</summary>
    /// <param name="device">Where the loss is computed.</param>
    public Tensor Value(Device device) => tensor(NamedParameters.Values(_state)[0], device: device);

    /// <summary>Adds the rewards of a forward pass, over all processes.</summary>
    /// <param name="ranks">The processes that share the pass.</param>
    /// <param name="chosen">β·log-ratio of each of this process's chosen completions; null if it has no pair. [P]</param>
    /// <param name="rejected">The same of the rejected ones. [P]</param>
    public void Add(Ranks ranks, Tensor? chosen, Tensor? rejected)
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        float[] own = chosen is null || rejected is null ? [] : [.. NamedParameters.Values(chosen), .. NamedParameters.Values(rejected)];
        double[] rewards = [.. ranks.Gather(own)]; // [2P]
        float[] before = NamedParameters.Values(_state);
        float count = before[1] + rewards.Length;
        double mean = before[0] + ((rewards.Average() - before[0]) * rewards.Length / count);
        _state.copy_(tensor(new[] { (float)mean, count }));
    }

    public void Dispose() => _state.Dispose();
}
