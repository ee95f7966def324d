using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Training of a reward model on preference pairs: a head with one score on a language model. Dropout is 0 unless the recipe sets it.</summary>
internal sealed record RewardRecipe : CompletionRecipe
{
    /// <summary>Pair file (.jsonl or .jsonl.gz of preference.v1.PreferencePair). Required.</summary>
    public string Pairs { get; init; } = string.Empty;

    /// <summary>Pair file for evaluation only, every evaluate_every steps and at the end; null for none.</summary>
    public string? EvaluationPairs { get; init; }

    /// <summary>By how much the chosen score must lead: none means 0, scores means the gap of the scores in the pair file.</summary>
    [AllowedValues("none", "scores")] public string Margin { get; init; } = "none";

    /// <summary>Weight c of the centring term c·mean((r_w + r_l)²), 0 or more.</summary>
    [Range(0, double.MaxValue)] public double Centring { get; init; }

    /// <summary>Batch sizes of a step.</summary>
    public RewardBatchSettings Batch { get; init; } = new();

    /// <inheritdoc/>
    public override IEnumerable<string> InputFiles() => EvaluationPairs is null ? [Pairs] : [Pairs, EvaluationPairs];
}

/// <summary>Batch sizes of a reward model's step.</summary>
internal sealed record RewardBatchSettings
{
    /// <summary>Prompts in one forward pass; each of their completions runs once.</summary>
    [Range(1, 65536)] public int Groups { get; init; } = 8;

    /// <summary>Forward passes per step; their gradients add up.</summary>
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
