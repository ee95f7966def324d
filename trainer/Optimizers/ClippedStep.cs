using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Optimizers;

/// <summary>Ends every training step: measures the gradient, refuses NaN and infinity, clips, and updates the parameters.</summary>
internal sealed class ClippedStep(TrainingRecipe recipe, IReadOnlyList<NamedParameter> trainable, IOptimizer optimizer, int total)
{
    /// <summary>Takes the step that follows <paramref name="done"/> steps; the schedule is a pure function of that number.</summary>
    /// <returns>The gradient's norm before clipping, and the learning rate used.</returns>
    /// <exception cref="WorkFailedException">Loss or gradient is not finite; no parameter has changed.</exception>
    public (double Norm, double Rate) Take(int done, double loss, IEnumerable<string> batchIds)
    {
        double norm = GradientNorm.Of(trainable);
        FiniteCheck.Require(done + 1, loss, norm, trainable, [.. batchIds]);
        double rate = recipe.Optimizer.LearningRate * Schedules.Factor(recipe.Schedule, done, total);
        optimizer.Step(rate, GradientNorm.ClipScale(norm, recipe.MaxGradNorm));
        EpochRandom.SeedCuda(recipe.Seed, done + 1);
        return (norm, rate);
    }
}
