using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>Updates parameters from their gradients. Its state can be saved and restored, so that a run resumes exactly.</summary>
internal interface IOptimizer : IDisposable
{
    /// <summary>Updates every parameter that has a gradient. Overwrites gradients: clear them before the next backward pass.</summary>
    /// <param name="learningRate">This step's rate.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first (clipping), above 0.</param>
    void Step(double learningRate, double gradientScale);

    /// <summary>Steps taken.</summary>
    int Steps { get; }

    /// <summary>The running averages, one tensor per parameter and kind, named <c>kind/parameter</c>.</summary>
    IReadOnlyList<NamedState> State { get; }

    /// <summary>Continues from a saved state; the averages are filled in place through <see cref="State"/>.</summary>
    void Resume(int steps);
}

/// <summary>One running average of an optimizer.</summary>
internal sealed record NamedState(string Name, Tensor Value);
