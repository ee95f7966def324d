using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>Decides how many optimizer steps a run takes.</summary>
internal static class TrainingLength
{
    /// <summary>Optimizer steps per pass over the data. The last batch may be smaller, and the last step may have fewer batches.</summary>
    /// <param name="rows">Rows of the data.</param>
    /// <param name="batch">Rows per forward pass.</param>
    /// <param name="accumulation">Forward passes per step.</param>
    public static int StepsPerEpoch(int rows, int batch, int accumulation)
    {
        long batches = ((long)rows + batch - 1) / batch;
        return (int)((batches + accumulation - 1) / accumulation);
    }

    /// <summary>epochs × steps per epoch, limited by max_steps. Throws for empty data or a schedule longer than the run.</summary>
    public static int Steps(TrainingRecipe recipe, int stepsPerEpoch, int rows)
    {
        if (stepsPerEpoch < 1)
        {
            throw new BadInputException(
                $"The data gives {rows} sequences, too few for one step. Lower data.held_out, or give more data.");
        }

        long steps = (long)recipe.Epochs * stepsPerEpoch;
        int total = (int)Math.Min(steps, recipe.MaxSteps > 0 ? recipe.MaxSteps : int.MaxValue);
        RequireFits(recipe.Schedule, total);
        return total;
    }

    private static void RequireFits(ScheduleSettings schedule, int total)
    {
        if (schedule.WarmupSteps > 0 && schedule.WarmupSteps >= total)
        {
            throw new BadInputException(
                $"schedule.warmup_steps is {schedule.WarmupSteps}, but the run has {total} steps: the rate would never reach its peak. "
                + $"Give at most {total - 1}, or train longer (epochs, max_steps).");
        }

        int left = total - schedule.WarmupSteps;
        if (schedule.DecaySteps > left)
        {
            throw new BadInputException(
                $"schedule.decay_steps is {schedule.DecaySteps}, but of the run's {total} steps the warm-up leaves {left}. "
                + $"Give at most {left}, or train longer (epochs, max_steps).");
        }
    }
}
