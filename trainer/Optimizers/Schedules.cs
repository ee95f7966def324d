using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Optimizers;

/// <summary>Learning-rate factors as pure functions of the step: a checkpoint holds no schedule state.</summary>
internal static class Schedules
{
    /// <summary>The fraction of the peak rate that a step uses.</summary>
    /// <param name="settings">Shape and warm-up.</param>
    /// <param name="step">The step to take next, from 0.</param>
    /// <param name="total">Steps of the whole run.</param>
    /// <returns>0 to 1. Warm-up: (step+1)/(warmup+1), so that the first step already learns.</returns>
    public static double Factor(ScheduleSettings settings, int step, int total)
    {
        if (step < settings.WarmupSteps)
        {
            return (step + 1.0) / (settings.WarmupSteps + 1.0);
        }

        double share = Math.Clamp((step - settings.WarmupSteps) / (double)Math.Max(1, total - settings.WarmupSteps), 0, 1);
        return settings.Name switch
        {
            "constant" when step >= total - settings.DecaySteps => (total - step) / (settings.DecaySteps + 1.0),
            "constant" => 1,
            "linear" => 1 - share,
            "cosine" => settings.Minimum + ((1 - settings.Minimum) * 0.5 * (1 + Math.Cos(Math.PI * share))),
            _ => throw new BadInputException($"schedule.name is '{settings.Name}'; it takes linear, cosine or constant."),
        };
    }
}
