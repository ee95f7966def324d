using Rudder.Trainer.Data;
using Rudder.Trainer.Models;
using Rudder.Trainer.Parallel;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Optimizers;

/// <summary>Ends every training step: adds up the processes' gradients, measures the gradient, refuses NaN and infinity, clips, and updates the parameters.</summary>
/// <param name="recipe">Limit of the norm, learning rate and schedule.</param>
/// <param name="models">Trained parameters of each model. Each model's gradient is clipped on its own.</param>
/// <param name="optimizer">Updates the parameters of all models.</param>
/// <param name="total">Steps of the whole run.</param>
/// <param name="ranks">The processes that train together. Each has computed its part of the gradient.</param>
internal sealed class ClippedStep(
    TrainingRecipe recipe, IReadOnlyList<IReadOnlyList<NamedParameter>> models, IOptimizer optimizer, int total, Ranks ranks)
{
    private readonly GradientSum _sum = new(ranks, [.. models.SelectMany(model => model)]);

    /// <summary>The step of a single model.</summary>
    public ClippedStep(TrainingRecipe recipe, IReadOnlyList<NamedParameter> trainable, IOptimizer optimizer, int total, Ranks ranks)
        : this(recipe, [trainable], optimizer, total, ranks)
    {
    }

    /// <summary>Each model's norm in the last step, before clipping.</summary>
    public IReadOnlyList<double> Norms { get; private set; } = [];

    /// <summary>Takes the step that follows <paramref name="done"/> steps; the schedule is a pure function of that number.</summary>
    /// <param name="done">Steps taken before.</param>
    /// <param name="loss">The step's loss, over all processes.</param>
    /// <param name="batchIds">Names the batch in the message of a failure.</param>
    /// <param name="firstInForward">As <see cref="BrokenTensor"/> gives it for the step's forward pass; called only if the step failed.</param>
    /// <returns>The first model's norm before clipping, and the learning rate used.</returns>
    /// <exception cref="WorkFailedException">Loss or gradient is not finite; no parameter has changed.</exception>
    public (double Norm, double Rate) Take(int done, double loss, IEnumerable<string> batchIds, Func<string?> firstInForward)
    {
        _sum.Run();
        Norms = [.. models.Select(GradientNorm.Of)];
        double broken = Norms.FirstOrDefault(norm => !double.IsFinite(norm), Norms[0]);
        FiniteCheck.Require(done + 1, loss, broken, [.. models.SelectMany(model => model)], [.. batchIds], () => ranks.Gather(firstInForward() ?? string.Empty).FirstOrDefault(place => place.Length > 0));

        // The optimizer scales all gradients alike. The further models' are therefore scaled first, relative to that.
        double common = GradientNorm.ClipScale(Norms[0], recipe.MaxGradNorm);
        for (int i = 1; i < models.Count; i++)
        {
            GradientNorm.Scale(models[i], GradientNorm.ClipScale(Norms[i], recipe.MaxGradNorm) / common);
        }

        double rate = recipe.Optimizer.LearningRate * Schedules.Factor(recipe.Schedule, done, total);
        optimizer.Step(rate, common);
        EpochRandom.SeedCuda(ranks.SeedOf(recipe.Seed), done + 1);
        return (Norms[0], rate);
    }
}
