using System.Globalization;
using System.Text;
using Rudder.Trainer.Recipes.Settings;

namespace Rudder.Trainer.Runs;

/// <summary>Writes a model folder's README.md: what the model is, its measurements, command and recipe.</summary>
internal static class ModelCard
{
    /// <summary>The card's text.</summary>
    public static string Write(TrainingRecipe recipe, RunFolder run, IReadOnlyDictionary<string, object> final)
    {
        var card = new StringBuilder();
        string task = recipe is ClassifierRecipe or RewardRecipe ? "text-classification" : "text-generation";
        card.Append(CultureInfo.InvariantCulture, $"---\nlibrary_name: transformers\npipeline_tag: {task}\ntags:\n- onnx\n---\n# {recipe.Name ?? "model"}\n\n");
        card.Append(recipe switch
        {
            SftRecipe => "A GPT-2 architecture language model trained by `trainer sft`.\n",
            ClassifierRecipe => "A RoBERTa architecture text classifier trained by `trainer classifier`.\n",
            RewardRecipe => "A GPT-2 architecture reward model trained on preferences by `trainer reward`. Its one label is a score, not a probability.\n",
            KtoRecipe => "A GPT-2 architecture language model trained on judged completions by `trainer kto`.\n",
            OnPolicyRecipe => "A language model trained on its own completions and their rewards.\n",
            _ => "A GPT-2 architecture language model trained on preferences by `trainer dpo`.\n",
        });
        if (recipe.Model is not null)
        {
            card.Append(CultureInfo.InvariantCulture, $"It starts from `{recipe.Model}`.\n");
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
