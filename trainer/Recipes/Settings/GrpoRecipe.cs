using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>GRPO (arXiv:2402.03300): group-normalised advantages, clipped token ratios, KL in the loss; also Dr. GRPO and DAPO.</summary>
internal sealed record GrpoRecipe : OnPolicyRecipe
{
    [AllowedValues("grpo", "dr-grpo", "dapo")] public string Variant { get; init; } = "grpo";
    [Range(0.0, 1e9)] public double Beta { get; init; }
    [Range(1, 1000)] public int Iterations { get; init; } = 1;
    [Range(0, 1.0, MinimumIsExclusive = true)] public double ClipLow { get; init; } = 0.2;
    [Range(0, 100.0, MinimumIsExclusive = true)] public double? ClipHigh { get; init; }
    public GroupBatchSettings Batch { get; init; } = new();

    internal override OnPolicyBatchSettings Sizes => Batch;

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        Batch.RequireGroups(path);
        return this with { ClipHigh = ClipHigh ?? (Variant == "dapo" ? 0.28 : 0.2) };
    }
}
