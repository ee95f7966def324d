using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Training of a byte-level BPE vocabulary.</summary>
internal sealed record TokenizerRecipe
{
    /// <summary>Short name; becomes part of the run folder's name.</summary>
    public string? Name { get; init; }

    /// <summary>Part of the run folder's name. Tokenizer training is deterministic and does not use it.</summary>
    [Range(0, int.MaxValue)] public int Seed { get; init; }

    /// <summary>gpt2 or roberta: decides the special tokens.</summary>
    [AllowedValues("gpt2", "roberta")] public string Family { get; init; } = "gpt2";

    /// <summary>Size of the vocabulary, special tokens included.</summary>
    [Range(261, 1_000_000)] public int VocabularySize { get; init; } = 8192;

    /// <summary>The texts.</summary>
    public ReviewSettings Data { get; init; } = new();
}
