using System.Globalization;
using System.Text;
using Rudder.Checkpoints;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>Writes a model folder's README.md: what the model is, its measurements, command and recipe.</summary>
internal static class ModelCard
{
    /// <summary>The card's text.</summary>
    /// <param name="recipe">What trained the model.</param>
    /// <param name="modelType"><c>model_type</c> of its config.json.</param>
    /// <param name="run">Gives the command.</param>
    /// <param name="final">The measurements.</param>
    public static string Write(TrainingRecipe recipe, string modelType, RunFolder run, IReadOnlyDictionary<string, object> final)
    {
        var card = new StringBuilder();
        string task = recipe is ClassifierRecipe or RewardRecipe ? "text-classification" : "text-generation";
        card.Append(CultureInfo.InvariantCulture, $"---\nlibrary_name: transformers\npipeline_tag: {task}\ntags:\n- onnx\n---\n# {recipe.Name ?? "model"}\n\n");
        string origin = recipe switch
        {
            SftRecipe => "language model trained by `trainer sft`",
            ClassifierRecipe => "text classifier trained by `trainer classifier`",
            RewardRecipe => "reward model trained on preferences by `trainer reward`. Its one label is a score, not a probability",
            KtoRecipe => "language model trained on judged completions by `trainer kto`",
            OnPolicyRecipe => "language model trained on its own completions and their rewards",
            _ => "language model trained on preferences by `trainer dpo`",
        };
        card.Append(CultureInfo.InvariantCulture, $"A `{modelType}` {origin}.\n");
        if (recipe.Model is not null)
        {
            card.Append(CultureInfo.InvariantCulture, $"It starts from `{ModelHub.NameOf(recipe.Model) ?? recipe.Model}`.\n");
        }

        card.Append("\n## Measured\n| metric | value |\n|---|---|\n");
        foreach ((string name, object value) in final)
        {
            card.Append(CultureInfo.InvariantCulture, $"| {name} | {(value is double number ? Math.Round(number, 5) : value)} |\n");
        }

        card.Append(CultureInfo.InvariantCulture, $"\n## Command\n`{RunEnvironment.CommandOf(run) ?? "trainer"}`\n\n## Recipe\n```json\n{RecipeReader.Write(recipe)}\n```\n");
        return card.ToString();
    }
}
