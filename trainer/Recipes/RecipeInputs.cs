using Rudder.Checkpoints;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Names everything a training recipe reads whose content decides the steps to come.</summary>
internal static class RecipeInputs
{
    /// <summary>
    /// Data files, tokenizer, the start model's config and a preference run's reference. The start model's weights are not among
    /// them: a resumed run takes its own from the checkpoint.
    /// </summary>
    /// <param name="recipe">A recipe whose folders have been opened already, so that they are there.</param>
    public static IEnumerable<RunInput> Of(TrainingRecipe recipe)
    {
        List<RunInput> inputs = [.. RunInput.Files(recipe.InputFiles())];
        if (recipe.Model is string model)
        {
            inputs.AddRange(RunInput.Files([Path.Combine(model, ModelFiles.Config)]));
        }

        if ((recipe.Tokenizer ?? recipe.Model) is string tokenizer)
        {
            inputs.Add(RunInput.Tokenizer(tokenizer));
        }

        if (recipe is PreferenceRecipe preference && preference.BindLoss().NeedsReference && (preference.Reference ?? preference.Model) is string reference)
        {
            inputs.Add(RunInput.Reference(reference));
        }

        return inputs;
    }
}
