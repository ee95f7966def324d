using TorchSharp;
using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>PPO's loss of the value head: the squared error, clipped so that a value moves a bounded way per batch (arXiv:2005.12729).</summary>
internal static class ValueLoss
{
    /// <summary>½·max((V − R)², (clip(V, V_old ± c) − R)²).</summary>
    /// <param name="values">V of each token's state, in units of reward; carries the gradient. [N]</param>
    /// <param name="oldValues">V when the completions were drawn. [N]</param>
    /// <param name="returns">R = advantage (not whitened) + V_old. [N]</param>
    /// <param name="clip">c, > 0, in units of reward.</param>
    /// <returns>Loss per token, [N]. Gradient in V: V − R, zero where the clipped square is the larger one.</returns>
    public static Tensor Clipped(Tensor values, Tensor oldValues, Tensor returns, double clip)
    {
        (Tensor free, Tensor bounded) = Squares(values, oldValues, returns, clip);
        return 0.5 * maximum(free, bounded);
    }

    /// <summary>Whether the clipped square is the larger one.</summary>
    /// <param name="values">As in <see cref="Clipped"/>. [N]</param>
    /// <param name="oldValues">As in <see cref="Clipped"/>. [N]</param>
    /// <param name="returns">As in <see cref="Clipped"/>. [N]</param>
    /// <param name="clip">As in <see cref="Clipped"/>.</param>
    /// <returns>Booleans, [N]. Their mean is the value clip fraction.</returns>
    public static Tensor IsClipped(Tensor values, Tensor oldValues, Tensor returns, double clip)
    {
        (Tensor free, Tensor bounded) = Squares(values, oldValues, returns, clip);
        return bounded.gt(free);
    }

    private static (Tensor Free, Tensor Bounded) Squares(Tensor values, Tensor oldValues, Tensor returns, double clip)
    {
        Tensor near = oldValues + (values - oldValues).clamp((Scalar)(-clip), (Scalar)clip); // [N]
        return ((values - returns).pow(2), (near - returns).pow(2));
    }
}
