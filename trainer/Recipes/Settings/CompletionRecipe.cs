using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>The settings of recipes that learn from judged completions of prompts.</summary>
internal abstract record CompletionRecipe : TrainingRecipe
{
    /// <summary>Maximum tokens of prompt and completion together; 0 means the model's context.</summary>
    [Range(0, 8192)] public int MaxLength { get; init; }

    /// <summary>Maximum tokens of a prompt; 0 means max_length − 1.</summary>
    [Range(0, 8192)] public int MaxPrompt { get; init; }

    /// <summary>What happens to a longer sequence: refuse reports an error, truncate cuts and counts it.</summary>
    [AllowedValues("refuse", "truncate")] public string OverLength { get; init; } = "refuse";
}
