using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>Decides how many optimizer steps a run takes.</summary>
internal static class TrainingLength
{
    /// <summary>epochs × steps per epoch, cut to max_steps; data too small for one step is an error.</summary>
    public static int Steps(TrainingRecipe recipe, int stepsPerEpoch, int rows)
    {
        if (stepsPerEpoch < 1)
        {
            throw new BadInputException(
                $"The data gives {rows} sequences, too few for one step. Lower batch.sequences, batch.accumulation or data.held_out, or give more data.");
        }

        long steps = (long)recipe.Epochs * stepsPerEpoch;
        return (int)Math.Min(steps, recipe.MaxSteps > 0 ? recipe.MaxSteps : int.MaxValue);
    }
}
