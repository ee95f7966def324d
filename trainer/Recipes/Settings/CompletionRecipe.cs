using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The settings of recipes that learn from judged completions of prompts.</summary>
internal abstract record CompletionRecipe : TrainingRecipe
{
    [Range(0, 8192)] public int MaxLength { get; init; }
    [Range(0, 8192)] public int MaxPrompt { get; init; }
    [AllowedValues("refuse", "truncate")] public string OverLength { get; init; } = "refuse";
}
