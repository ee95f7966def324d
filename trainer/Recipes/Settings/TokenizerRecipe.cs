using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Training of a byte-level BPE vocabulary.</summary>
internal sealed record TokenizerRecipe
{
    public string? Name { get; init; }
    [Range(0, int.MaxValue)] public int Seed { get; init; }
    [AllowedValues("gpt2", "roberta")] public string Family { get; init; } = "gpt2";
    [Range(261, 1_000_000)] public int VocabularySize { get; init; } = 8192;
    public ReviewSettings Data { get; init; } = new();
}
