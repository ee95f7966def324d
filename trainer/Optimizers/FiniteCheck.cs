using System.Globalization;
using Rudder.Trainer.Models;
using static TorchSharp.torch;

namespace Rudder.Trainer.Optimizers;

/// <summary>Stops a run whose loss or gradient is NaN or infinite.</summary>
internal static class FiniteCheck
{
    /// <summary>Throws unless both values are finite. The message names step, value, the first tensor that is not finite, and batch.</summary>
    public static void Require(int step, double loss, double gradientNorm, IReadOnlyList<NamedParameter> trainable, IReadOnlyList<string> batchIds)
    {
        if (double.IsFinite(loss) && double.IsFinite(gradientNorm))
        {
            return;
        }

        const int Shown = 32;
        string ids = string.Join(", ", batchIds.Take(Shown)) + (batchIds.Count > Shown ? $" and {batchIds.Count - Shown} more" : string.Empty);
        throw new WorkFailedException(string.Create(
            CultureInfo.InvariantCulture,
            $"Step {step} gave loss {loss} and gradient norm {gradientNorm}{FirstBroken(trainable)}; batch: {ids}. The last checkpoint is kept. Lower optimizer.learning_rate or max_grad_norm, or look at that data."));
    }

    /// <summary>
    /// Weights come before gradients: a NaN weight makes every gradient NaN. The backward pass runs from the last parameter to the first, and
    /// a NaN spreads with it, so the last broken gradient is the first that arose.
    /// </summary>
    private static string FirstBroken(IReadOnlyList<NamedParameter> trainable)
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        string? weight = trainable.FirstOrDefault(parameter => IsBroken(parameter.Value))?.Name;
        string? gradient = trainable.LastOrDefault(parameter => parameter.Value.grad is Tensor grad && IsBroken(grad))?.Name;
        return weight is not null ? $", first in weight {weight}" : gradient is not null ? $", first in the gradient of {gradient}" : string.Empty;
    }

    private static bool IsBroken(Tensor values) => !float.IsFinite(values.abs().max().item<float>()); // the maximum keeps NaN
}
