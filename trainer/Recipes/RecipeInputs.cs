using Rudder.Checkpoints;
using Rudder.Trainer.Recipes.Settings;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Recipes;

/// <summary>Lists the inputs of a training recipe that affect its steps.</summary>
internal static class RecipeInputs
{
    /// <summary>
    /// Data files, tokenizer, the start model's config and frozen models such as a reference. The start model's weights are left out:
    /// a resumed run takes its weights from the checkpoint, except those of an adapter's base.
    /// </summary>
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

        string[] bases = recipe.Lora is not null && recipe.Model is string frozen ? [frozen] : []; // a checkpoint holds only the adapter
        inputs.AddRange(recipe.FrozenModels().Concat(bases).Distinct().Select(RunInput.Reference));
        return inputs;
    }
}
