using Rudder.Trainer.Models;

namespace Rudder.Trainer.Optimizers;

/// <summary>
/// Moves parameters along their gradients. TorchSharp's optimizers do not let their state be read, and exact resuming needs it;
/// so the update rules are written here, with their state in the open.
/// </summary>
internal interface IOptimizer : IDisposable
{
    /// <summary>Updates every parameter that has a gradient.</summary>
    /// <param name="learningRate">This step's rate.</param>
    /// <param name="gradientScale">Every gradient is multiplied by this first (clipping).</param>
    void Step(double learningRate, double gradientScale);

    /// <summary>Steps taken.</summary>
    int Steps { get; }

    /// <summary>The running averages, one tensor per parameter and kind, named <c>kind/parameter</c>.</summary>
    IReadOnlyList<NamedState> State { get; }

    /// <summary>Continues from a saved state; the averages are filled in place through <see cref="State"/>.</summary>
    void Resume(int steps);
}
