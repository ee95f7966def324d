using System.Globalization;
using Rudder.Trainer.Models;

namespace Rudder.Trainer.Optimizers;

/// <summary>Stops a run whose loss or gradient is NaN or infinite.</summary>
internal static class FiniteCheck
{
    /// <summary>Throws unless both values are finite. The message names step, value, the first tensor that is not finite, and batch.</summary>
    /// <param name="step">The step, from 1.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="gradientNorm">Its gradient norm.</param>
    /// <param name="trainable">The trained parameters with their gradients.</param>
    /// <param name="batchIds">Names the batch.</param>
    /// <param name="firstInForward">Repeats the forward pass; gives its first tensor that is not finite, or null.</param>
    public static void Require(
        int step, double loss, double gradientNorm, IReadOnlyList<NamedParameter> trainable, IReadOnlyList<string> batchIds, Func<string?> firstInForward)
    {
        if (double.IsFinite(loss) && double.IsFinite(gradientNorm))
        {
            return;
        }

        const int Shown = 32;
        string ids = string.Join(", ", batchIds.Take(Shown)) + (batchIds.Count > Shown ? $" and {batchIds.Count - Shown} more" : string.Empty);
        string? place = firstInForward() ?? AfterForward(loss, trainable);
        throw new WorkFailedException(string.Create(
            CultureInfo.InvariantCulture,
            $"Step {step} gave loss {loss} and gradient norm {gradientNorm}{(place is null ? string.Empty : $", first in {place}")}; batch: {ids}. The last checkpoint is kept. Lower optimizer.learning_rate or max_grad_norm, or look at that data."));
    }

    /// <summary>
    /// Every module's output is finite, so a weight outside the modules, the loss, or the backward pass is to blame. The backward pass runs from
    /// the last parameter to the first, and a NaN spreads with it, so the last broken gradient is the first that arose.
    /// </summary>
    private static string? AfterForward(double loss, IReadOnlyList<NamedParameter> trainable)
    {
        string? weight = trainable.FirstOrDefault(parameter => BrokenTensor.IsBroken(parameter.Value))?.Name;
        string? gradient = trainable.LastOrDefault(parameter => parameter.Value.grad is { } grad && BrokenTensor.IsBroken(grad))?.Name;
        return weight is not null ? $"weight {weight}"
            : !double.IsFinite(loss) ? "the logits or the loss"
            : gradient is not null ? $"the gradient of {gradient}" : null;
    }
}
