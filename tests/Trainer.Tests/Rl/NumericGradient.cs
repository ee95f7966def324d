using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Rl;

/// <summary>Compares a loss's gradient with central differences in float64.</summary>
internal static class NumericGradient
{
    private const double Step = 1e-5;

    /// <summary>Every entry within 1e-6 relative, or 1e-8: rounding limits central differences of float64 to about that.</summary>
    /// <param name="at">Where to compare; away from kinks. [N]</param>
    /// <param name="loss">Maps [N] to a loss of any shape, which is summed.</param>
    public static void AssertMatches(double[] at, Func<Tensor, Tensor> loss)
    {
        Tensor x = tensor(at, requires_grad: true);
        loss(x).sum().backward();
        double[] gradient = x.grad!.data<double>().ToArray();
        for (int i = 0; i < at.Length; i++)
        {
            double numeric = (Value(i, Step) - Value(i, -Step)) / (2 * Step);
            Assert.True(Math.Abs(gradient[i] - numeric) <= Math.Max(1e-6 * Math.Abs(numeric), 1e-8), $"entry {i}: {gradient[i]:R}, numeric {numeric:R}");
        }

        double Value(int i, double change)
        {
            double[] moved = [.. at];
            moved[i] += change;
            return loss(tensor(moved)).sum().item<double>();
        }
    }
}
