using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>Computes the gradient's norm and the factor that clips it.</summary>
internal static class GradientNorm
{
    /// <summary>Euclidean norm over all gradients, before clipping; 0 where there are none.</summary>
    public static double Of(IEnumerable<NamedParameter> parameters)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] norms = [.. parameters.Select(p => p.Value.grad).OfType<Tensor>().Select(g => g.norm())];
        return norms.Length == 0 ? 0 : stack(norms).norm().item<float>();
    }

    /// <summary>Multiplies all gradients by a factor.</summary>
    public static void Scale(IEnumerable<NamedParameter> parameters, double factor)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        foreach (Tensor gradient in parameters.Select(p => p.Value.grad).OfType<Tensor>())
        {
            gradient.mul_(factor);
        }
    }

    /// <summary>The factor that scales the norm to at most <paramref name="limit"/>; 1 if limit is 0. PyTorch's formula.</summary>
    public static double ClipScale(double norm, double limit) => limit <= 0 ? 1 : Math.Min(1, limit / (norm + 1e-6));
}
