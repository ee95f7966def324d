using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>Reward-model training on preference pairs: a head with one score on a language model. Dropout is 0 unless set.</summary>
internal sealed record RewardRecipe : CompletionRecipe
{
    [AllowedValues("none", "scores")] public string Margin { get; init; } = "none";
    [Range(0, double.MaxValue)] public double Centring { get; init; }
    public RewardBatchSettings Batch { get; init; } = new();

    internal override IReadOnlyDictionary<string, int> Shares => new Dictionary<string, int> { ["batch.groups"] = Batch.Groups };
}

/// <summary>Batch sizes of a reward model's step.</summary>
internal sealed record RewardBatchSettings
{
    [Range(1, 65536)] public int Groups { get; init; } = 8;
    [Range(1, 65536)] public int Accumulation { get; init; } = 1;
}
