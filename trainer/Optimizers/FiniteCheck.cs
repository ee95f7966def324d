using System.Globalization;

namespace Rudder.Trainer.Optimizers;

/// <summary>Stops a run whose loss or gradient is NaN or infinite.</summary>
internal static class FiniteCheck
{
    /// <summary>Throws unless both values are finite. The message names step, value and batch.</summary>
    public static void Require(int step, double loss, double gradientNorm, IReadOnlyList<string> batchIds)
    {
        if (double.IsFinite(loss) && double.IsFinite(gradientNorm))
        {
            return;
        }

        const int Shown = 32;
        string ids = string.Join(", ", batchIds.Take(Shown)) + (batchIds.Count > Shown ? $" and {batchIds.Count - Shown} more" : string.Empty);
        throw new WorkFailedException(string.Create(
            CultureInfo.InvariantCulture,
            $"Step {step} gave loss {loss} and gradient norm {gradientNorm}; batch: {ids}. The last checkpoint is kept. Lower optimizer.learning_rate or max_grad_norm, or look at that data."));
    }
}
