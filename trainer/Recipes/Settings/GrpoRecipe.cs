using System.ComponentModel.DataAnnotations;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>GRPO (arXiv:2402.03300): group-normalised advantages, clipped token ratios, KL in the loss; also Dr. GRPO and DAPO.</summary>
internal sealed record GrpoRecipe : OnPolicyRecipe
{
    /// <summary>grpo; dr-grpo, without division by deviation or length; dapo, a mean over all tokens with a wider upper clip.</summary>
    [AllowedValues("grpo", "dr-grpo", "dapo")] public string Variant { get; init; } = "grpo";

    /// <summary>Weight of the k3 estimate of the KL in the loss, per nat; 0 leaves it out.</summary>
    [Range(0.0, 1e9)] public double Beta { get; init; }

    /// <summary>Optimizer steps on each step's completions. Ratios differ from 1 from the second on.</summary>
    [Range(1, 1000)] public int Iterations { get; init; } = 1;

    /// <summary>Lower clip of a token's ratio.</summary>
    [Range(0, 1.0, MinimumIsExclusive = true)] public double ClipLow { get; init; } = 0.2;

    /// <summary>Upper clip; null takes the variant's: 0.28 for dapo, 0.2 otherwise.</summary>
    [Range(0, 100.0, MinimumIsExclusive = true)] public double? ClipHigh { get; init; }

    /// <summary>Batch sizes of a step.</summary>
    public GroupBatchSettings Batch { get; init; } = new();

    internal override OnPolicyBatchSettings Sizes => Batch;

    internal override TrainingRecipe Complete(string path)
    {
        base.Complete(path);
        Batch.RequireGroups(path);
        return this with { ClipHigh = ClipHigh ?? (Variant == "dapo" ? 0.28 : 0.2) };
    }
}
